"""Who waits for a batch: events by the hundred, or one errand that has a batch to itself."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from service.core.errors import LedgerError
from service.ledger.appending.admission import Admitted
from service.ledger.appending.epoch import Epoch, Receipt
from service.ledger.ports import Transaction

BATCH_EVENTS_MAX = 256


class Errand(Protocol):
    """Work under the head's lock that is more than an event: it reads first, and builds its own batch."""

    async def build(self, transaction: Transaction, epoch: Epoch) -> tuple[int, bytes] | Receipt:
        """Fill the epoch, and return index and leaf hash of the entry that the receipt is for.

        A `Receipt` of before: there is nothing to do, and nothing is written. Nor is it where this raises
        `InputError`, `StateConflictError` or `NotFoundError`, which is passed on to whoever waits.
        """


@dataclass(slots=True)
class Waiting:
    """One piece of work, and where its receipt goes."""

    work: Admitted | Errand
    answer: asyncio.Future[Receipt]


def next_batch(queue: Sequence[Waiting]) -> list[Waiting]:
    """What is written next: the first events, up to the first errand; or that errand alone."""
    if not isinstance(queue[0].work, Admitted):
        return [queue[0]]
    batch: list[Waiting] = []
    for waiting in queue[:BATCH_EVENTS_MAX]:
        if not isinstance(waiting.work, Admitted):
            break
        batch.append(waiting)
    return batch


async def outcomes_of(answers: list[asyncio.Future[Receipt]]) -> list[Receipt | LedgerError]:
    """Every answer in its place; raises what is no error of the ledger."""
    results: list[Receipt | LedgerError] = []
    for outcome in await asyncio.gather(*answers, return_exceptions=True):
        if not isinstance(outcome, Receipt | LedgerError):
            raise outcome
        results.append(outcome)
    return results
