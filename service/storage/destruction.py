"""What an erasure does to the rows of a ledger, inside the transaction that declares it."""

from collections.abc import Awaitable, Callable
from typing import Any

from service.ledger.delivering.cloud_events import ERASED
from service.ledger.ports import Destruction

Fetch = Callable[..., Awaitable[list[Any]]]
"""Runs a named statement, with the ledger's id before the arguments that follow."""


async def destroy(fetch: Fetch, destruction: Destruction) -> None:
    """Put tombstones in the place of records, and empty what was copied out of them."""
    indices = [row.index for row in destruction.tombstones]
    key = destruction.subject_key
    if destruction.with_key:
        await fetch("destroy_secrets", [key])
    await fetch("destroy_external_ids", key)
    await fetch("destroy_records", key, indices)
    await fetch("put_tombstones", key, indices, [row.sealed for row in destruction.tombstones])
    await fetch("hold_subscriptions")
    await fetch("empty_deliveries", list(destruction.told), list(destruction.told.values()), ERASED)
    await fetch("empty_attempts", list(destruction.told))
    await fetch("destroy_exports")
    place = (destruction.notice, destruction.leaf_hash, key, destruction.last_index, destruction.at_ms)
    await fetch("put_erasure", *place)
