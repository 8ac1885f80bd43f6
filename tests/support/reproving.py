"""The log proof that a dishonest operator would show after a change: made anew for the entries then shown.

Written from the definition, not from the code that is tested.
"""

import base64
from collections.abc import Sequence
from typing import Any

from service.core.merkle import hash_leaf, root
from tests.support.small_ledger import SmallLedger

Json = dict[str, Any]


def leaves_of(ledger: SmallLedger) -> list[bytes]:
    """The hash of every entry."""
    rows = dict(ledger.store.entries.items(ledger.store.version))
    return [hash_leaf(rows[index].entry) for index in range(len(rows))]


def shown_indices(bundle: Json) -> set[int]:
    """Where everything stands that a bundle shows."""
    size = int(bundle["checkpoint"].split("\n")[1])
    placed = [*bundle.get("erasures", []), *bundle.get("successions", []), *bundle.get("past", {}).values()]
    if "campaign" in bundle:
        placed += [bundle["campaign"]["event"], bundle["campaign"]["epoch"]]
    events = [event for subject in bundle["subjects"] for event in subject["events"]]
    return {0, size - 1, *(each["index"] for each in [*placed, *events])}


def log_proof(leaves: Sequence[bytes], shown: set[int]) -> bytes:
    """The proof for these entries: every subtree without one, left to right, but leaves that a link names."""

    def reach(start: int, stop: int) -> list[bytes]:
        if not any(start <= index < stop for index in shown):
            named = stop - start == 1 and stop in shown
            return [] if named else [root(leaves[start:stop])]
        if stop - start == 1:
            return []
        split = start + 1
        while start + 2 * (split - start) < stop:
            split = start + 2 * (split - start)
        return [*reach(start, split), *reach(split, stop)]

    return b"".join(reach(0, len(leaves)))


def reprove(bundle: Json, leaves: Sequence[bytes]) -> None:
    """Make the log proof anew, where what is shown stands among these leaves of the log at all."""
    size, shown = int(bundle["checkpoint"].split("\n")[1]), shown_indices(bundle)
    if len(leaves) >= size > max(shown):
        bundle["log_proof"] = base64.b64encode(log_proof(leaves[:size], shown)).decode()
