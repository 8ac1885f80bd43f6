"""Logs, checkpoints, proofs and witnesses, checked by Go programs that nobody here wrote (`make interop`)."""

import asyncio
import base64
import dataclasses
import hashlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from service.core.entries import encode_event
from service.core.merkle import plan_consistency, plan_inclusion, prove_consistency, prove_inclusion
from service.core.notes import Verifier, parse_note, parse_verifier
from service.core.prefix_map import EMPTY_STRATUM, root_of
from service.core.records import ZERO_HASH
from service.ledger.appending.epoch import Epoch
from service.ledger.keys import Sealer
from service.ledger.proving.public_log import PublishedLog
from service.storage.postgres import PostgresStore, open_pool
from service.wiring import attesting
from tests.support.http_service import Service, grant, running
from tests.support.loopback import listening
from tests.support.small_ledger import START_MS, Counted, keys_from
from tests.support.witness_server import COSIGNER, witness_for
from tests.trust.test_witnesses import ORIGIN, cosigned_by, log_key, policy_file
from tests.trust.waiting import until

pytestmark = pytest.mark.interop

PROGRAMS = Path(__file__).parent / "go"
SIZES = (1, 255, 256, 257, 70_000)
FIRST_LEDGER = 1_000


@pytest.fixture(scope="session")
def go(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built programs."""
    if shutil.which("go") is None:
        pytest.skip("no Go (on Debian: apt install golang-go, 1.26 or newer)")
    folder = tmp_path_factory.mktemp("go")
    done = subprocess.run(
        ["go", "build", "-o", f"{folder}/", "./..."],
        cwd=PROGRAMS,
        capture_output=True,
        check=False,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return folder


async def run(program: Path, *arguments: str, given: bytes = b"") -> tuple[int, str]:
    """Exit status and what it printed."""
    started = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    printed, _ = await asyncio.wait_for(started.communicate(given), 300)
    return started.returncode or 0, printed.decode()


async def fsck(go: Path, url: str, key: Verifier) -> tuple[int, str]:
    """What Tessera finds: exit status, and the verdict amid its own log."""
    status, printed = await run(go / "fsck", url, key.vkey)
    return status, next(word for word in ("unsound", "sound") if f"\n{word}" in printed)


async def write_log(pool: asyncpg.Pool, size: int, ledger_id: int) -> Verifier:
    """A log of so many entries in the tables of this ledger, in one batch that ends in an epoch; its key."""
    keys = keys_from(str(size), f"ledger.test/log-{size}/1")
    epoch = Epoch(keys, Sealer(keys.wrapping, Counted("go")), None, START_MS, ZERO_HASH)
    for number in range(size - 1):
        committed = hashlib.sha256(number.to_bytes(8)).digest()
        epoch.append_entry(encode_event(epoch.last_leaf_hash, START_MS, committed))
    batch = epoch.close(root_of(EMPTY_STRATUM), {})
    async with PostgresStore(pool, ledger_id).transaction() as transaction:
        await transaction.lock_head()
        await transaction.write(batch)
    return keys.signer.verifier


@asynccontextmanager
async def logs(dsn: str, data: Path) -> AsyncIterator[tuple[str, dict[int, Verifier]]]:
    """Where logs of all sizes are served, and their keys."""
    pool = await open_pool(dsn, size=2)
    try:
        async with running(dsn, data) as service, listening(service.app) as url:
            ledgers = service.composition.services.ledgers
            (own,) = ledgers.values()
            keys = {}
            for place, size in enumerate(SIZES, FIRST_LEDGER):
                keys[size] = await write_log(pool, size, place)
                published = PublishedLog(PostgresStore(pool, place))
                ledgers[place] = dataclasses.replace(own, name=f"log-{size}", published=published)
            yield url, keys
    finally:
        await pool.close()


async def test_tessera_finds_logs_of_all_shapes_sound(go: Path, database_dsn: str, tmp_path: Path) -> None:
    async with logs(database_dsn, tmp_path) as (url, keys):
        for size, key in keys.items():
            assert await fsck(go, f"{url}/log/log-{size}/", key) == (0, "sound"), size


async def test_tessera_finds_a_log_with_a_changed_entry_unsound(
    go: Path, database_dsn: str, tmp_path: Path
) -> None:
    async with logs(database_dsn, tmp_path) as (url, keys):
        connection = await asyncpg.connect(database_dsn)
        await connection.execute(
            "UPDATE log_entry SET entry = set_byte(entry, 60, (get_byte(entry, 60) + 1) % 256)"
            " WHERE ledger_id = $1 AND index = 100",
            FIRST_LEDGER + SIZES.index(257),
        )
        await connection.close()
        assert await fsck(go, f"{url}/log/log-257/", keys[257]) == (1, "unsound")


async def test_tessera_finds_a_ledger_of_the_service_sound(
    go: Path, database_dsn: str, tmp_path: Path
) -> None:
    key = log_key(tmp_path)
    async with running(database_dsn, tmp_path) as service, listening(service.app) as url:
        for number in range(130):
            await service.record(grant(f"grant-{number}"))
        assert await fsck(go, f"{url}/log/main/", key) == (0, "sound")


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Witnesses are asked all the time."""
    monkeypatch.setattr(attesting, "WITNESS_SECONDS", 0.05)


async def proofs(service: Service, older: bytes, newer: bytes) -> dict[str, object]:
    """What the program `proofs` is given, in Go's JSON for bytes."""
    size1, size2 = (int(parse_note(note).text.split("\n")[1]) for note in (older, newer))

    def base64s(hashes: list[bytes]) -> list[str]:
        return [base64.b64encode(each).decode() for each in hashes]

    (parts,) = service.composition.parts
    async with parts.store.snapshot() as snapshot:
        entries = await snapshot.entries(0, size2)
        between = prove_consistency(size1, size2, await snapshot.hashes(plan_consistency(size1, size2)))
        inclusions = []
        for row in entries:
            hashes = await snapshot.hashes(plan_inclusion(row.index, size2))
            path = prove_inclusion(row.index, size2, hashes)
            entry = base64.b64encode(row.entry).decode()
            inclusions.append({"index": row.index, "entry": entry, "proof": base64s(path)})
    return {
        "older": older.decode(),
        "newer": newer.decode(),
        "consistency": base64s(between),
        "inclusions": inclusions,
    }


@pytest.mark.usefixtures("often")
async def test_go_opens_checkpoints_and_cosignatures_and_accepts_every_proof(
    go: Path, database_dsn: str, tmp_path: Path
) -> None:
    key = log_key(tmp_path)
    async with witness_for([key], tmp_path) as witness:
        policy = policy_file(tmp_path, witness.policy())
        async with running(database_dsn, tmp_path, witness_policy=policy) as service:
            older = (await service.record(grant("grant-0"))).json()["checkpoint"].encode()
            for number in range(1, 6):
                await service.record(grant(f"grant-{number}"))
            await until(lambda: cosigned_by(service, COSIGNER.verifier))
            newer = (await service.client.get("/log/main/checkpoint")).content
            said = await proofs(service, older, newer)
            said |= {"vkey": key.vkey, "witness": COSIGNER.verifier.vkey}
    status, printed = await run(go / "proofs", given=json.dumps(said).encode())
    assert (status, printed.startswith("accepted ")) == (0, True), printed
    said["consistency"] = [base64.b64encode(bytes(32)).decode()]
    assert (await run(go / "proofs", given=json.dumps(said).encode()))[0] == 1


@pytest.mark.usefixtures("often")
async def test_the_transparency_dev_witness_cosigns_our_checkpoints(
    go: Path, database_dsn: str, tmp_path: Path
) -> None:
    key = log_key(tmp_path)
    serving = await asyncio.create_subprocess_exec(
        go / "witness", "witness.example/go", key.vkey, stdout=subprocess.PIPE
    )
    try:
        assert serving.stdout is not None
        url, vkey = (await asyncio.wait_for(serving.stdout.readline(), 60)).decode().split()
        policy = policy_file(tmp_path, f"witness go {vkey} {url}\nquorum go\n")
        async with running(database_dsn, tmp_path, witness_policy=policy) as service:
            for number in range(3):
                await service.record(grant(f"grant-{number}"))
                await until(lambda: cosigned_by(service, parse_verifier(vkey)))
            newest = (await service.client.get("/log/main/checkpoint")).content
            assert newest.decode().startswith(ORIGIN)
    finally:
        serving.kill()
        await serving.wait()
