"""The replacement of a ledger's wrapping key, in steps that each refuse to come too early.

`add`: the new key stands last, and every process is restarted: now all open what it will seal. `switch`: it
stands first, and every process is restarted: now all seal with it. `rewrap`: what the old one sealed is
sealed anew. `retire`: the old one goes, once nothing is left under it and nobody seals with it. Between two
steps any time may pass, and each may be repeated.
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from service.core.errors import LedgerError, NotFoundError
from service.ledger.exporting.tokens import LIFETIME_MS
from service.ledger.keys import LedgerKeys, link_secret
from service.ledger.rewrapping import Progress, Survey
from service.ledger.wrapping import WrappingRing
from service.ledger.wrapping_ports import Holder
from service.settings import Settings
from service.wiring.keys.files import LINKS, WRAPPING
from service.wiring.keys.sources import KeySource, Unkept, key_source
from service.wiring.ledgers import LedgerParts, open_parts

_KEY_SIZE: Final = 32
_HOUR_SECONDS: Final = LIFETIME_MS / 1000


class TooEarlyError(LedgerError):
    """A step that would lose something if it were taken now; the message says what comes before it."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a step did. `key` it was about; `ring` as it is then; `unkept`: what to put where by hand."""

    key: str
    ring: WrappingRing
    unkept: Sequence[Unkept] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """`ring` as it stands here, the processes that are alive, and every sealed row by its key."""

    ring: WrappingRing
    holders: Sequence[Holder]
    found: Survey


class Replacement:
    """The replacement of one ledger's wrapping key."""

    def __init__(self, parts: LedgerParts, source: KeySource) -> None:
        self._parts = parts
        self._source = source
        self._ring = parts.keys.wrapping

    async def status(self, progress: Progress | None = None) -> Status:
        """How it stands. Raises `UnavailableError`."""
        found = await self._parts.rewrapping().survey(progress)
        return Status(self._ring, [each for each in await self._parts.holders.all() if each.is_alive], found)

    def add(self) -> Step:
        """Put a new key last. Raises `TooEarlyError` while another replacement is not at its end."""
        if len(self._ring.keys) > 1:
            raise TooEarlyError(
                f"there are {len(self._ring.keys)} keys already ({', '.join(self._ring.ids)}): end that"
                " replacement first, with switch, rewrap and retire"
            )
        ring = WrappingRing((*self._ring.keys, os.urandom(_KEY_SIZE)))
        return Step(ring.ids[-1], ring, self._keep(ring))

    async def switch(self, key: str | None = None) -> Step:
        """Put this key first, or the last one; doing it again changes nothing.

        Raises `TooEarlyError` while a process runs that does not hold it, and `NotFoundError`.
        """
        if len(self._ring.keys) == 1:
            raise TooEarlyError("there is one key only: add another first")
        place = self._place(key) if key else len(self._ring.keys) - 1
        chosen = self._ring.ids[place]
        await self._refuse(
            [each for each in await self._alive() if chosen not in each.keys], f"does not hold {chosen}"
        )
        keys = list(self._ring.keys)
        ring = WrappingRing((keys.pop(place), *keys))
        return Step(chosen, ring, self._keep(ring) if place else ())

    async def rewrap(self, progress: Progress | None = None) -> Status:
        """Seal anew what other keys than the first have sealed; how it stands then."""
        done = await self._parts.rewrapping().rewrap(progress)
        status = await self.status()
        status.found.replaced, status.found.missed = done.replaced, done.missed
        return status

    async def retire(self, key: str | None = None, *, at_once: bool = False) -> Step:
        """Take this key out, or the one that is not first; links made under it go on working.

        `at_once`: do not wait out the hour for which exports can be fetched with tokens made under it. Raises
        `TooEarlyError` and `NotFoundError`.
        """
        if len(self._ring.keys) == 1:
            raise TooEarlyError("there is one key only, and it is needed")
        if key is None and len(self._ring.keys) > 2:  # noqa: PLR2004 - the one that seals and one other
            raise TooEarlyError(f"say which: {', '.join(self._ring.ids[1:])}")
        place = self._place(key) if key else 1
        retired = self._ring.ids[place]
        if not place:
            raise TooEarlyError(f"{retired} is the key that seals: switch to another first")
        await self._require_unused(retired, at_once=at_once)
        ring = WrappingRing(tuple(each for each in self._ring.keys if each != self._ring.keys[place]))
        unkept = self._source.keep({LINKS: _link_lines(self._parts.keys, place), WRAPPING: _lines(ring)})
        return Step(retired, ring, unkept)

    async def _require_unused(self, key: str, *, at_once: bool) -> None:
        await self._require_no_sealer(key)
        sealed_lately = [
            _HOUR_SECONDS - each.silent_seconds
            for each in await self._parts.holders.all()
            if each.keys[0] == key
        ]
        if not at_once and max(sealed_lately, default=0) > 0:
            raise TooEarlyError(
                f"exports may be fetched for {max(sealed_lately) / 60:.0f} minutes yet with tokens that {key}"
                " made: wait, or give --now, and whoever is refused asks for another token"
            )
        if left := (await self._parts.rewrapping().survey()).by_key[key]:
            raise TooEarlyError(f"{left:,} rows are sealed under {key}: run `keys wrapping rewrap` first")
        # Whoever came while we looked may have sealed something since.
        await self._require_no_sealer(key)

    async def _require_no_sealer(self, key: str) -> None:
        sealers = [each for each in await self._alive() if each.keys[0] == key]
        await self._refuse(sealers, f"seals with {key}")

    async def _refuse(self, holders: Sequence[Holder], what: str) -> None:
        if holders:
            named = "; ".join(f"{each.process}, seen {each.silent_seconds:.0f} s ago" for each in holders)
            raise TooEarlyError(
                f"a process runs that {what}: {named}. Restart it with the keys as they are now;"
                " one that was killed is forgotten after a minute"
            )

    async def _alive(self) -> list[Holder]:
        return [each for each in await self._parts.holders.all() if each.is_alive]

    def _place(self, key: str) -> int:
        if key not in self._ring.ids:
            raise NotFoundError(f"there is no key {key}; there are {', '.join(self._ring.ids)}")
        return self._ring.ids.index(key)

    def _keep(self, ring: WrappingRing) -> list[Unkept]:
        return self._source.keep({WRAPPING: _lines(ring)})


def _lines(ring: WrappingRing) -> list[str]:
    return [key.hex() for key in ring.keys]


def _link_lines(keys: LedgerKeys, place: int) -> list[str]:
    """The secrets of links once the key at this place is gone: the one that follows from it stays, last.

    New links are made under what makes them now, or, where that follows from a key that is gone, under what
    follows from the key that seals: every process has had that since it was added.
    """
    gone, sealing = link_secret(keys.wrapping.keys[place]), link_secret(keys.wrapping.keys[0])
    first = () if keys.link_secrets and keys.link_secrets[0] != gone else (sealing,)
    return [each.hex() for each in dict.fromkeys((*first, *keys.link_secrets, gone))]


@asynccontextmanager
async def replacement(settings: Settings, dsn: str) -> AsyncIterator[Replacement]:
    """The replacement of the wrapping key of the ledger that the settings name.

    Raises `NotFoundError`, `KeysError`, `DatabaseError` and `UnavailableError`.
    """
    async with open_parts(settings, dsn, connections=2) as parts:
        yield Replacement(parts, key_source(settings, parts.name))
