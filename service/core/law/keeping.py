"""How a standing stays small: what differs only in time is one fact, with the latest time."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from service.core.law.facts import Mark, No, Standing

T = TypeVar("T")

FACTS_MAX: Final = 64
NOS_MAX: Final = 256


def kept(
    items: tuple[T, ...],
    new: T,
    key: Callable[[T], Any],
    merge: Callable[[T, T], T],
    *,
    limit: int = FACTS_MAX,
) -> tuple[T, ...]:
    """Return `items` with `new` merged into the one of the same key, or added.

    Beyond `limit` the oldest goes: less is known, so less is allowed.
    """
    wanted = key(new)
    for place, known in enumerate(items):
        if key(known) == wanted:
            return (*items[:place], *items[place + 1 :], merge(known, new))
    return (*items, new)[-limit:]


def latest_mark(items: tuple[Mark, ...], new: Mark) -> tuple[Mark, ...]:
    """Keep one mark per sender and kind: the one that happened last, the later recorded where they tie."""
    return kept(items, new, _mark_key, _later_mark)


def _mark_key(mark: Mark) -> tuple[str | None, str]:
    return (mark.sender, mark.kind)


def _later_mark(known: Mark, new: Mark) -> Mark:
    return new if new.ms >= known.ms else known


def with_no(standing_nos: tuple[No, ...], new: No) -> tuple[No, ...]:
    """Add a no. Too many different ones become a single no to everything, which is never less."""
    nos = kept(standing_nos, new, no_key, _merged, limit=NOS_MAX + 1)
    if len(nos) <= NOS_MAX:
        return nos
    return (
        No(
            "objection",
            "all_marketing",
            (),
            (),
            None,
            None,
            min(no.first_ms for no in nos),
            max(no.last_ms for no in nos),
            max(no.index for no in nos),
        ),
    )


def no_key(no: No) -> tuple[Any, ...]:
    """What makes two noes the same: everything but when."""
    return (no.kind, no.scope, no.categories, no.channels, no.sender, no.person)


def no_of_erasure(erased: Mark) -> No:
    """Return what is left of an erasure beside a later one: the no that it was, to all of its sender."""
    return No("objection", "all_marketing", (), (), erased.sender, None, erased.ms, erased.ms, erased.index)


def _merged(known: No, new: No) -> No:
    return No(
        new.kind,
        new.scope,
        new.categories,
        new.channels,
        new.sender,
        new.person,
        min(known.first_ms, new.first_ms),
        max(known.last_ms, new.last_ms),
        max(known.index, new.index),
    )


def without(standing: Standing, index: int) -> dict[str, Any]:
    """Return the lists of positive facts without the ones that rest on the entry at `index`."""
    return {
        name: tuple(fact for fact in getattr(standing, name) if fact.index != index)
        for name in (
            "relations",
            "sources",
            "mailings",
            "contacts",
            "assessments",
            "introductions",
            "origins",
        )
    } | {
        "grants": tuple(g for g in standing.grants if index not in (g.index, g.confirmed_index)),
    }
