"""What is sealed comes under another wrapping key while others write; nothing is lost or brought back."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from service.core.errors import ForkError
from service.core.events import parse_event
from service.ledger.addresses import CanonicalAddress
from service.ledger.erasing.erasures import Erasures
from service.ledger.keys import Sealer
from service.ledger.opening import Opener
from service.ledger.rewrapping import Rewrapping
from service.ledger.wrapping import WrappingRing, wrapping_key_id
from service.ledger.wrapping_ports import Replacement
from service.storage.erasures import PostgresErasures
from service.storage.postgres import open_pool
from service.storage.sealed_columns import FIRST, PostgresKeyHolders, PostgresSealedColumn
from service.wiring.erasure_list import ErasureFile, erasures_path
from tests.support.workload import NAME, NOW_MS, Ledger, Writer, a_writer, grant, new_ledger, withdrawal

NEW, OTHER = bytes(range(32)), bytes(range(32, 64))
NEW_ID = wrapping_key_id(NEW)
PEOPLE = 40
SEALED = PEOPLE + 2
"""With the sender, and whom a ledger's own events concern."""
PERSON = CanonicalAddress("email", "person1@example.org")


@pytest.fixture
async def ledger(database_dsn: str, tmp_path: Path) -> Ledger:
    made = await new_ledger(database_dsn, tmp_path)
    async with a_writer(made) as writer:
        await writer.record(*(grant(number) for number in range(PEOPLE)))
    return made


def old_of(ledger: Ledger) -> bytes:
    return ledger.keys.wrapping.keys[-1]


def holding(ledger: Ledger, *keys: bytes) -> Ledger:
    """The same ledger as a process has it that holds these keys."""
    return replace(ledger, keys=replace(ledger.keys, wrapping=WrappingRing(keys)))


class Interrupted(PostgresSealedColumn):
    """Lets something happen between the reading of a page, after so many others, and its replacement."""

    meanwhile: Callable[[], Awaitable[object]] | None = None
    after = 0

    async def replace(self, rows: Sequence[Replacement]) -> int:
        """Let it happen once, and replace."""
        self.after -= 1
        if self.after < 0 and self.meanwhile is not None:
            happen, self.meanwhile = self.meanwhile, None
            await happen()
        return await super().replace(rows)


@asynccontextmanager
async def rewrapping(
    ledger: Ledger, meanwhile: Callable[[], Awaitable[object]] | None = None, *, after: int = 0
) -> AsyncIterator[Rewrapping]:
    """From the ledger's key to the new one, with something that happens in the middle of a page."""
    async with await open_pool(ledger.dsn, size=2) as pool:
        columns = [Interrupted(pool, ledger.ledger_id, table) for table in FIRST]
        columns[0].meanwhile, columns[0].after = meanwhile, after
        yield Rewrapping(columns, WrappingRing((NEW, old_of(ledger))), secrets.token_bytes)


async def readable(ledger: Ledger) -> int:
    """How many persons a process sees whole that holds just these keys."""
    opener = Opener(Sealer(ledger.keys.wrapping, secrets.token_bytes))
    async with a_writer(ledger) as writer, writer.store.snapshot() as snapshot:
        keys = [subject(writer, f"person{number}@example.org") for number in range(PEOPLE)]
        found = await opener.histories(snapshot, keys)
        return sum(history.address is not None for history in found.values())


def subject(writer: Writer, address: str) -> bytes:
    return writer.admission.subject_of(CanonicalAddress("email", address))


async def erase(ledger: Ledger) -> None:
    """Erase a person, as a process does that holds these keys."""
    async with a_writer(ledger) as writer:
        rows = PostgresErasures(writer.pool, ledger.ledger_id)
        async with writer.store.snapshot() as snapshot:
            head = await snapshot.head()
        await rows.audited(head.size, head.root, NOW_MS)
        opener = Opener(Sealer(ledger.keys.wrapping, secrets.token_bytes))
        kept = ErasureFile(erasures_path(ledger.data_dir, NAME))
        assert (
            await Erasures(writer.store, writer.admission, opener, writer.appender, kept).erase(PERSON)
        ).events


async def test_every_row_comes_under_the_first_key_and_opens_without_the_old_one(ledger: Ledger) -> None:
    shown: list[tuple[int, int]] = []
    async with rewrapping(ledger) as work:
        before = await work.survey()
        done = await work.rewrap(lambda *place: shown.append(place))
        again = await work.rewrap()
    assert before.by_key == {wrapping_key_id(old_of(ledger)): before.rows}
    assert done.replaced == before.rows >= PEOPLE
    assert (again.replaced, again.by_key) == (0, {NEW_ID: before.rows})
    assert shown[-1] == (before.rows, before.rows)
    assert await readable(holding(ledger, NEW)) == PEOPLE
    with pytest.raises(ForkError):
        await readable(ledger)


async def test_whoever_writes_meanwhile_under_either_order_is_read_and_caught_up_with(ledger: Ledger) -> None:
    async def write() -> None:
        for keys in ((old_of(ledger), NEW), (NEW, old_of(ledger))):
            async with a_writer(holding(ledger, *keys)) as writer:
                await writer.record(*(withdrawal(1000 + n, n) for n in range(PEOPLE)))
                await writer.receive(grant(2000, 2000 + len(keys[0])))

    async with rewrapping(ledger, write) as work:
        await work.rewrap()
    async with rewrapping(ledger) as work:
        await work.rewrap()
        left = await work.survey()
    assert set(left.by_key) == {NEW_ID}
    assert await readable(holding(ledger, NEW)) == PEOPLE


async def test_who_is_erased_meanwhile_stays_erased_and_no_key_comes_back(ledger: Ledger) -> None:
    both = holding(ledger, old_of(ledger), NEW)
    async with a_writer(ledger) as writer, writer.store.snapshot() as snapshot:
        key = subject(writer, PERSON.value)
        before = (await snapshot.secrets([key]))[key]
    async with rewrapping(ledger, lambda: erase(both)) as work:
        await work.rewrap()
    async with a_writer(ledger) as writer, writer.store.snapshot() as snapshot:
        after = (await snapshot.secrets([key]))[key]
    sealer = Sealer(both.keys.wrapping, secrets.token_bytes)
    was, now = (sealer.open_subject(key, row.wrapped_key) for row in (before, after))
    assert sealer.open(was, before.sealed_address, key) == b"email:person1@example.org"
    assert sealer.open(now, after.sealed_address, key) == b""
    assert await readable(holding(ledger, NEW)) == PEOPLE - 1


async def test_a_row_that_an_append_holds_is_left_and_nobody_waits_for_it(ledger: Ledger) -> None:
    async with rewrapping(ledger) as work:
        holder = await asyncpg.connect(ledger.dsn)
        try:
            async with holder.transaction():
                await holder.execute("SELECT FROM subject_secret FOR UPDATE")
                left = await work.rewrap()
            assert left.missed == SEALED
            assert not (await work.rewrap()).missed
        finally:
            await holder.close()


async def test_killed_in_the_middle_it_goes_on_from_whatever_is_there(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("service.ledger.rewrapping.PAGE", 8)
    async with rewrapping(ledger, die, after=2) as work:
        with pytest.raises(KeyboardInterrupt):
            await work.rewrap()
        assert (await work.survey()).by_key[NEW_ID] == 16
        assert await readable(holding(ledger, NEW, old_of(ledger))) == PEOPLE
        assert (await work.rewrap()).replaced == SEALED - 16
    assert await readable(holding(ledger, NEW)) == PEOPLE


async def test_what_opens_with_no_key_is_counted_and_never_written_over(ledger: Ledger) -> None:
    async with await open_pool(ledger.dsn, size=1) as pool:
        columns = [PostgresSealedColumn(pool, ledger.ledger_id, table) for table in FIRST]
        before = await columns[0].page(None, 100)
        strangers = Rewrapping(columns, WrappingRing((NEW, OTHER)), secrets.token_bytes)
        found = await strangers.rewrap()
        with pytest.raises(ForkError, match="put the key"):
            await strangers.require_ours()
        assert await columns[0].page(None, 100) == before
    assert (found.replaced, found.unopened) == (0, {"subject_secret": SEALED})


async def test_an_address_that_comes_back_is_written_under_the_key_that_seals(ledger: Ledger) -> None:
    both = holding(ledger, NEW, old_of(ledger))
    await erase(ledger)
    async with a_writer(both) as writer:
        await writer.intake.record(parse_event(grant(3000, 1)))
    async with rewrapping(ledger) as work:
        assert (await work.survey()).by_key[NEW_ID] == 1


async def test_a_sample_wraps_around_and_tells_the_share(ledger: Ledger) -> None:
    async with rewrapping(ledger) as work:
        assert (await work.sample(10)).rows == 10
        assert (await work.sample(1_000)).rows == SEALED
        await work.require_ours()


async def test_a_process_is_alive_until_it_ends_or_is_silent(ledger: Ledger) -> None:
    async with await open_pool(ledger.dsn, size=1) as pool:
        holders = PostgresKeyHolders(pool, ledger.ledger_id)
        await holders.hold("first", ["a", "b"])
        await holders.hold("second", ["b", "a"])
        await holders.hold("second", ["b", "a"], ended=True)
        found = {each.process: each for each in await holders.all()}
    assert found["first"].is_alive
    assert found["first"].keys == ("a", "b")
    assert not found["second"].is_alive
    assert not replace(found["first"], silent_seconds=61.0).is_alive
