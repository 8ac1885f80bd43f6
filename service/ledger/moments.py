"""Where in the log a time is."""

from service.core.entries import recorded_at_ms
from service.ledger.ports import Snapshot


async def first_after(snapshot: Snapshot, at_ms: int) -> int:
    """The position of the first entry recorded after this time; the log's size when there is none.

    Recorded times never go back, so it is found by halving.
    """
    low, high = 0, (await snapshot.head()).size
    while low < high:
        middle = (low + high) // 2
        if recorded_at_ms((await snapshot.entries_at([middle]))[middle].entry) <= at_ms:
            low = middle + 1
        else:
            high = middle
    return low
