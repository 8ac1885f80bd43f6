"""What is sealed in the database against the wrapping keys here, and the processes that hold other ones."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from service.ledger.rewrapping import Survey
from service.ledger.wrapping_ports import Holder
from service.wiring.doctor.findings import Finding, fault, notice, ok
from service.wiring.keys.files import WRAPPING
from service.wiring.ledgers import LedgerParts

ROWS = 1_000
"""So many rows of each table are opened: all of a small ledger, a fair sample of a large one."""

_KEYS, _PROCESSES = "wrapping keys", "processes"


async def look_at_sealed(parts: LedgerParts, directory: Path | None) -> list[Finding]:
    """`directory`: of the key files; None where the keys come as settings. Raises `UnavailableError`."""
    ids, found = parts.keys.wrapping.ids, await parts.rewrapping().sample(ROWS)
    alive = [each for each in await parts.holders.all() if each.is_alive]
    return [_keys(ids, found, directory), _processes(ids, alive)]


def _keys(ids: Sequence[str], found: Survey, directory: Path | None) -> Finding:
    if found.unopened:
        told = f"{found.unopened.total()} of {found.rows} rows looked at open with none of {', '.join(ids)}"
        advice = (
            "put the key that sealed them back from an escrow, as another line of wrapping.key, and restart:"
            " docs/operations.md, Replace the wrapping key"
        )
        return fault(_KEYS, told, advice)
    if len(ids) == 1:
        return ok(_KEYS, f"{ids[0]} opens all of {found.rows} rows looked at")
    others = found.rows - found.by_key[ids[0]]
    told = f"{ids[0]} seals, and {', '.join(ids[1:])} opens{_since(directory)}; {others} of {found.rows} rows"
    return notice(
        _KEYS,
        f"{told} looked at are not under {ids[0]} yet",
        "end the replacement: `consent-ledger keys wrapping status` counts all, then switch, rewrap, retire",
    )


def _since(directory: Path | None) -> str:
    """When the file was last changed, which the last step did."""
    if directory is None:
        return ""
    changed = datetime.fromtimestamp((directory / WRAPPING).stat().st_mtime, UTC)
    return f" too (since {changed:%Y-%m-%d})"


def _processes(ids: Sequence[str], alive: Sequence[Holder]) -> Finding:
    """Another order is no fault: what one process seals the others open, as long as they hold the key."""
    lacking = [each for each in alive if not {each.keys[0], ids[0]} <= set(each.keys) & set(ids)]
    if lacking:
        return fault(
            _PROCESSES,
            f"{_named(lacking)} and the keys here cannot open all that each other seals",
            "give every machine the same wrapping.key, and restart every process",
        )
    older = [each for each in alive if each.keys[0] != ids[0]]
    if older:
        return notice(
            _PROCESSES,
            f"{_named(older)} seals under another key than {ids[0]} yet, which all can open",
            "restart it before `keys wrapping rewrap`",
        )
    return ok(_PROCESSES, f"{len(alive)} run, and seal with {ids[0]}")


def _named(holders: Sequence[Holder]) -> str:
    return "; ".join(each.process for each in holders)
