"""Rows altered behind the service's back are never passed off as proof."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from service.core.errors import ForkError
from service.ledger.ports import EntryRow, SealedRow
from tests.support.small_ledger import SmallLedger, a_small_ledger

JANE, LEFT = "jane@example.org", "left@example.org"


def another_record(ledger: SmallLedger) -> None:
    """Put one person's sealed event in the place of another event of hers."""
    first, last = _records(ledger)[0], _records(ledger)[-1]
    ledger.store.records.put(first.index, replace(first, sealed=last.sealed), ledger.store.version)


def record_lost(ledger: SmallLedger) -> None:
    ledger.store.records.put(_records(ledger)[-1].index, None, ledger.store.version)


def record_of_another(ledger: SmallLedger) -> None:
    """Give the last event of somebody else to her."""
    other = ledger.admission.subject_of(ledger.address(LEFT))
    ledger.store.indices_of[_key(ledger)].append(ledger.store.indices_of[other][-1])


def head_set_back(ledger: SmallLedger) -> None:
    row = ledger.store.subjects.get(_key(ledger), ledger.store.version)
    assert row is not None
    changed = replace(row, event_count=row.event_count - 1)
    ledger.store.subjects.put(_key(ledger), changed, ledger.store.version)
    record_lost(ledger)


def entry_changed(ledger: SmallLedger) -> None:
    _alter(ledger, _records(ledger)[0].index, lambda row: replace(row, entry=row.entry[:-1] + b"\1"))


def entry_moved_in_time(ledger: SmallLedger) -> None:
    index = _records(ledger)[0].index
    _alter(ledger, index, lambda row: replace(row, entry=row.entry[:40] + b"\1" + row.entry[41:]))


def leaf_hash_changed(ledger: SmallLedger) -> None:
    _alter(ledger, 1, lambda row: replace(row, leaf_hash=b"\1" * 32))


def entry_lost(ledger: SmallLedger) -> None:
    ledger.store.entries.put(0, None, ledger.store.version)


def form_lost(ledger: SmallLedger) -> None:
    for digest, row in list(ledger.store.documents.items(ledger.store.version)):
        if row.kind == "form":
            ledger.store.documents.put(digest, None, ledger.store.version)


def rulebook_lost(ledger: SmallLedger) -> None:
    for digest, row in list(ledger.store.documents.items(ledger.store.version)):
        if row.kind in ("rulebook", "pack"):
            ledger.store.documents.put(digest, None, ledger.store.version)


def stratum_lost(ledger: SmallLedger) -> None:
    ledger.store.strata.put("", None, ledger.store.version)


def key_lost(ledger: SmallLedger) -> None:
    ledger.store.secrets.put(_key(ledger), None, ledger.store.version)


def key_of_another(ledger: SmallLedger) -> None:
    other = ledger.admission.subject_of(ledger.address(LEFT))
    secret = ledger.store.secrets.get(other, ledger.store.version)
    ledger.store.secrets.put(_key(ledger), secret, ledger.store.version)


def _alter(ledger: SmallLedger, index: int, change: Callable[[EntryRow], EntryRow]) -> None:
    row = ledger.store.entries.get(index, ledger.store.version)
    assert row is not None
    ledger.store.entries.put(index, change(row), ledger.store.version)


def _key(ledger: SmallLedger) -> bytes:
    return ledger.admission.subject_of(ledger.address(JANE))


def _records(ledger: SmallLedger) -> list[SealedRow]:
    rows = (
        ledger.store.records.get(index, ledger.store.version)
        for index in ledger.store.indices_of[_key(ledger)]
    )
    return [row for row in rows if row is not None]


@pytest.mark.parametrize(
    "tamper",
    [
        another_record,
        record_lost,
        record_of_another,
        head_set_back,
        entry_changed,
        entry_moved_in_time,
        leaf_hash_changed,
        entry_lost,
        form_lost,
        rulebook_lost,
        stratum_lost,
        key_lost,
        key_of_another,
    ],
)
async def test_altered_rows_are_never_proved(tamper: Callable[[SmallLedger], None]) -> None:
    ledger = await a_small_ledger()
    tamper(ledger)
    with pytest.raises(ForkError):
        await ledger.proofs.bundle(ledger.ask(JANE), disclose=True)
