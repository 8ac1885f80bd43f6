"""A wrapping key replaced, as docs/operations.md says, on a real database with a service and a worker."""

import asyncio
import base64
import os
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from httpx import Response

from service.core.errors import ForkError, NotFoundError
from service.ledger.keys import link_secret
from service.ledger.wrapping import WrappingRing
from service.settings import Settings
from service.wiring.exporting import open_exports
from service.wiring.keys.files import LINKS, WRAPPING, keys_directory, load_keys
from service.wiring.replacing import Step, TooEarlyError, replacement
from tests.support.delivery_world import World, a_world
from tests.support.http_service import JANE, grant, question, running, withdrawal
from tests.support.patience import until
from tests.support.relay_world import ScriptedBroker, a_relay_world
from tests.support.sealed_search import opened_by
from tests.support.webhook_receiver import Received, Receiver, a_receiver

LINK = {"sender": "acme", "category": "newsletter", "channel": "email", "address": JANE}
ONCE = {"idempotency-key": '"0b1c9a52-61c9-4d42-9a34-3f8f5c4d5b1e"'}
SEALED = {
    "subject_secret.wrapped_key",
    "subscription.secrets",
    "delivery_attempt.answer",
    "export.scope",
    "export_file.body",
}


@dataclass(slots=True)
class Drill:
    """One installation, and its steps."""

    dsn: str
    data: Path

    @property
    def settings(self) -> Settings:
        """Those of every command."""
        return Settings(database_url=self.dsn, data_dir=self.data)

    @property
    def ring(self) -> WrappingRing:
        """As it stands in the file."""
        return load_keys(keys_directory(self.data, "main"), "ledger.localhost/main/1").wrapping

    async def add(self) -> Step:
        """`keys wrapping add`."""
        async with replacement(self.settings, self.dsn) as work:
            return work.add()

    async def switch(self, key: str | None = None) -> Step:
        """`keys wrapping switch`."""
        async with replacement(self.settings, self.dsn) as work:
            return await work.switch(key)

    async def rewrap(self) -> int:
        """How many rows were sealed anew."""
        async with replacement(self.settings, self.dsn) as work:
            return (await work.rewrap()).found.replaced

    async def retire(self, *, at_once: bool = True) -> Step:
        """`keys wrapping retire`."""
        async with replacement(self.settings, self.dsn) as work:
            return await work.retire(at_once=at_once)


@pytest.fixture
async def drill(database_dsn: str, tmp_path: Path) -> Drill:
    async with running(database_dsn, tmp_path):
        return Drill(database_dsn, tmp_path)


@dataclass(slots=True)
class Traces:
    """What was given out before the key was replaced."""

    subscription: str
    position: int
    link: str
    export: str
    token: str
    first: bytes
    caller: str


async def leave_traces(world: World, receiver: Receiver) -> Traces:
    """Have something sealed in every column that seals."""
    receiver.answers(200)
    client = world.service.client
    name = await world.subscribe(receiver)
    first = await client.post("/v1/events", json=grant(), headers=ONCE)
    await world.go()
    link = await client.post("/v1/unsubscribe-links", json=LINK)
    export = await an_export(world, addresses=[JANE], disclose=True)
    token = (await client.post(f"/v1/exports/{export}/tokens", json={})).json()["token"]
    index = first.json()["index"]
    caller, url = client.headers["authorization"], link.json()["url"]
    return Traces(name, index, url, export, token, first.content, caller)


async def an_export(world: World, **asked: object) -> str:
    """The id of one that the service has prepared."""
    client = world.service.client
    export = str((await client.post("/v1/exports", json=asked)).json()["id"])

    async def is_ready() -> bool:
        return bool((await client.get(f"/v1/exports/{export}")).json()["status"] == "ready")

    await until(is_ready)
    return export


async def fetched(world: World, traces: Traces, token: str | None = None) -> Response:
    headers = {"authorization": f"Bearer {token or traces.token}"}
    return await world.service.client.get(f"/v1/exports/{traces.export}/content", headers=headers)


async def assert_all_goes_on(world: World, traces: Traces) -> None:
    """Links, retries, proofs, what receivers answered: all as before."""
    client = world.service.client
    assert (await client.get(traces.link[traces.link.index("/u/") :])).status_code == 200
    again = await client.post("/v1/events", json=grant(), headers=ONCE | {"authorization": traces.caller})
    assert (again.content, again.headers["idempotency-replayed"]) == (traces.first, "true")
    assert (await client.post("/v1/proofs", json=question())).status_code == 200
    (attempt,) = await world.subscriptions.attempts(traces.subscription, "live", traces.position)
    assert attempt.answer == b"as told"
    found = (await client.post("/v1/subjects/lookup", json={"address": JANE})).json()
    assert "consent_granted" in msgspec.json.encode(found).decode()


async def test_everything_goes_on_while_the_key_is_replaced_and_the_old_one_opens_nothing_then(
    drill: Drill,
) -> None:
    old = drill.ring
    async with a_receiver() as receiver:
        async with a_world(drill.dsn, drill.data) as world:
            traces = await leave_traces(world, receiver)
            assert await opened_by(drill.dsn, old) == SEALED
            await drill.add()
        async with a_world(drill.dsn, drill.data) as world:
            await drill.switch()
            await world.service.record(withdrawal())
            await assert_all_goes_on(world, traces)
        async with a_world(drill.dsn, drill.data) as world:
            assert (await fetched(world, traces)).status_code == 200
            work = (world.happen(20), assert_all_goes_on(world, traces), an_export(world))
            rewrapped, *_ = await asyncio.gather(drill.rewrap(), *work)
            assert rewrapped >= len(SEALED)
            assert (
                'ledger_wrapping_keys{ledger="main"} 2.0' in (await world.service.client.get("/metrics")).text
            )
            await drill.rewrap()
            await drill.retire()
        async with a_world(drill.dsn, drill.data) as world:
            await assert_all_goes_on(world, traces)
            assert (await fetched(world, traces)).status_code == 401
            told = await world.service.client.post(f"/v1/exports/{traces.export}/tokens", json={})
            assert (await fetched(world, traces, told.json()["token"])).status_code == 200
    assert len(drill.ring.keys) == 1
    assert await opened_by(drill.dsn, old) == set()
    assert await opened_by(drill.dsn, drill.ring) == SEALED


async def test_a_receiver_that_knows_either_key_verifies_until_the_old_one_is_retired(drill: Drill) -> None:
    async with a_receiver() as receiver:
        async with a_world(drill.dsn, drill.data) as world:
            await world.subscribe(receiver)
            held = [await published(world)]
        steps = (drill.add, drill.switch, drill.rewrap, drill.retire)
        for step in steps:
            await step()
            async with a_world(drill.dsn, drill.data) as world:
                await world.service.record(withdrawal(step.__name__))
                await world.go()
                held.append(await published(world))
                for known in held[-2:]:
                    assert verifies(receiver.events[-1], known["webhooks-main"])
    assert [len(each) for each in held] == [1, 2, 2, 2, 1]
    assert not verifies(receiver.events[-1], held[0]["webhooks-main"])


async def published(world: World) -> dict[str, Ed25519PublicKey]:
    keys = (await world.service.client.get("/.well-known/jwks.json")).json()["keys"]
    return {
        key["kid"]: Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))
        for key in keys
        if key["kid"].startswith("webhooks-")
    }


def verifies(received: Received, key: Ed25519PublicKey) -> bool:
    headers = received.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + received.body
    for part in headers["webhook-signature"].split(" "):
        try:
            key.verify(base64.b64decode(part.removeprefix("v1a,")), signed)
        except (InvalidSignature, ValueError):
            continue
        return True
    return False


async def test_no_step_comes_before_the_one_that_it_needs(drill: Drill) -> None:
    for too_early in (drill.switch, drill.retire):
        with pytest.raises(TooEarlyError, match="one key only"):
            await too_early()
    async with running(drill.dsn, drill.data):
        added = await drill.add()
        with pytest.raises(TooEarlyError, match="there are 2 keys already"):
            await drill.add()
        with pytest.raises(TooEarlyError, match=f"does not hold {added.key}"):
            await drill.switch()
    with pytest.raises(NotFoundError, match="there is no key"):
        await drill.switch("00000000")
    async with running(drill.dsn, drill.data):
        assert (await drill.switch()).ring == (await drill.switch(added.key)).ring
        with pytest.raises(TooEarlyError, match="seals with"):
            await drill.retire()
    with pytest.raises(TooEarlyError, match="minutes yet with tokens"):
        await drill.retire(at_once=False)
    with pytest.raises(TooEarlyError, match=r"rows are sealed under \w{8}"):
        await drill.retire()
    await drill.rewrap()
    assert (await drill.retire()).ring.ids == (added.key,)


async def test_a_process_that_was_killed_stands_in_the_way_for_a_minute(drill: Drill) -> None:
    added = await drill.add()
    connection = await asyncpg.connect(drill.dsn)
    pool = await asyncpg.create_pool(drill.dsn, min_size=1, max_size=1)
    try:
        await connection.execute(
            "INSERT INTO key_holder SELECT ledger_id, 'killed', $1, now(), false FROM ledger",
            list(drill.ring.ids[:1]),
        )
        with pytest.raises(TooEarlyError, match="killed, seen"):
            await drill.switch()
        await connection.execute("UPDATE key_holder SET seen_at = now() - interval '61 seconds'")
        assert (await drill.switch()).key == added.key
    finally:
        await pool.close()
        await connection.close()


async def test_links_are_made_under_what_follows_from_the_key_that_seals_and_none_is_lost(
    drill: Drill,
) -> None:
    keys = [*drill.ring.keys]
    for _ in range(2):
        await drill.add()
        await drill.switch()
        await drill.rewrap()
        await drill.retire()
        keys.insert(0, drill.ring.keys[0])
    held = load_keys(keys_directory(drill.data, "main"), "ledger.localhost/main/1")
    assert held.all_link_secrets() == tuple(link_secret(key) for key in (keys[0], keys[1], keys[2]))


async def test_a_secret_of_ones_own_goes_on_making_links(drill: Drill) -> None:
    own, old = os.urandom(64), drill.ring.keys[0]
    path = keys_directory(drill.data, "main") / LINKS
    path.write_text(f"{own.hex()}\n")
    path.chmod(0o600)
    await drill.add()
    await drill.switch()
    await drill.rewrap()
    await drill.retire()
    held = load_keys(path.parent, "ledger.localhost/main/1")
    assert held.all_link_secrets() == (own, link_secret(old), link_secret(drill.ring.keys[0]))


async def test_where_nothing_can_be_written_it_is_said_what_belongs_where(drill: Drill) -> None:
    directory = keys_directory(drill.data, "main")
    texts = {
        name: (directory / f"{name}.key").read_text().strip() for name in ("signing", "subject", "wrapping")
    }
    given = Settings(
        database_url=drill.dsn,
        data_dir=drill.data / "elsewhere",
        signing_key=texts["signing"],
        subject_key=texts["subject"],
        wrapping_key=texts["wrapping"],
    )
    async with replacement(given, drill.dsn) as work:
        (put,) = work.add().unkept
    assert put.where == "CONSENT_LEDGER_WRAPPING_KEY"
    old, new = put.text.split(",")
    assert old == texts["wrapping"]
    given = msgspec.structs.replace(given, wrapping_key=f"{new},{old}")
    async with replacement(given, drill.dsn) as work:
        await work.rewrap()
        links, alone = (await work.retire(at_once=True)).unkept
    assert (alone.where, alone.text) == ("CONSENT_LEDGER_WRAPPING_KEY", new)
    secrets = [link_secret(bytes.fromhex(key)).hex() for key in (new, old)]
    assert (links.where, links.text) == ("CONSENT_LEDGER_UNSUBSCRIBE_KEYS", ",".join(secrets))


async def test_a_file_that_is_replaced_stays_readable_for_who_could_read_it(drill: Drill) -> None:
    directory = keys_directory(drill.data, "main")
    (directory / WRAPPING).chmod(0o640)
    await drill.add()
    await drill.switch()
    await drill.rewrap()
    await drill.retire()
    assert {oct((directory / name).stat().st_mode & 0o777) for name in (WRAPPING, LINKS)} == {"0o640"}


async def test_a_service_without_the_key_that_sealed_everything_does_not_start(drill: Drill) -> None:
    path = keys_directory(drill.data, "main") / WRAPPING
    old = path.read_text()
    path.write_text(f"{os.urandom(32).hex()}\n")
    with pytest.raises(ForkError, match="put the key that sealed it back"):
        async with running(drill.dsn, drill.data):
            pass
    with path.open("a") as ring:
        ring.write(old)
    async with running(drill.dsn, drill.data) as service:
        assert (await service.record(grant())).status_code == 201


async def test_every_program_that_seals_or_opens_says_which_keys_it_holds_and_when_it_ended(
    drill: Drill, tmp_path: Path
) -> None:
    async def running_now() -> set[str]:
        async with replacement(drill.settings, drill.dsn) as work:
            return {each.process.split()[0] for each in (await work.status()).holders}

    async with a_relay_world(drill.dsn, tmp_path) as world, world.relay(ScriptedBroker()):
        assert await running_now() == {"service", "relay"}
    async with a_world(drill.dsn, drill.data), open_exports(drill.settings, drill.dsn):
        assert await running_now() == {"service", "worker", "export"}
    assert await running_now() == set()
