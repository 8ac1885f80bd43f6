"""The same source event id again: the receipt of the first time, or a conflict, for ever."""

from msgspec.structs import replace

from service.core.entries import recorded_at_ms
from service.core.errors import ConflictError, LedgerError
from service.ledger.appending.admission import Admitted
from service.ledger.appending.epoch import Receipt
from service.ledger.ports import KnownEvent, Transaction


async def replay(transaction: Transaction, known: KnownEvent, event: Admitted) -> Receipt | LedgerError:
    """The receipt of the first time, or a conflict when this is another event under a used id."""
    if known.body_tag != event.body_tag:
        return ConflictError()
    size, note = await transaction.covering_checkpoint(known.index)
    time = recorded_at_ms(known.entry)
    return Receipt(known.index, time, known.leaf_hash, size - 1, note, replayed=True)


def repeat(first: Admitted, event: Admitted, outcome: Receipt | LedgerError) -> Receipt | LedgerError:
    """The same id twice in one batch: the second is a replay of the first."""
    if first.body_tag != event.body_tag:
        return ConflictError()
    return replace(outcome, replayed=True) if isinstance(outcome, Receipt) else outcome
