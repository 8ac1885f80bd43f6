"""Which campaigns asked about a person: found by answering again, for a campaign keeps no address.

A leaf of a campaign's tree commits to subject, question, state, time and decision. Whoever holds the person's
events derives the leaf that the person's line must have, for every group of lines that was answered from one
state, and looks whether it is there. That finds lines which asked what the campaign asked of all, and those
that said otherwise of the recipient's country or kind; a line that said something else stays unfound, and so
does one whose answer rested on what was erased since.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from service.core.campaign import answer_leaf, decision_bytes, question_bytes, question_hash_of
from service.core.entries import EpochEntry, decode_entry
from service.core.errors import ForkError, InputError, NotFoundError
from service.core.events.configuration import CampaignChecked
from service.core.history import fold_as_of, named_forms
from service.core.law.context import Standings
from service.core.law.decision import Decision, decide, decision_body
from service.core.law.facts import Standing
from service.core.law.question import Question, parse_question
from service.core.law.rulebook import Rulebook
from service.core.merkle import HASH_SIZE
from service.ledger.answering.checks import gather
from service.ledger.appending.admission import Admission
from service.ledger.campaigns.lines import merged
from service.ledger.campaigns.ports import CampaignStore, Run
from service.ledger.campaigns.proofs import CampaignProofs
from service.ledger.catalogue import Catalogue
from service.ledger.opening import History, Opener
from service.ledger.ports import Head, Snapshot

LINES_MAX: Final = 20_000_000
"""So many lines are looked through, the newest campaigns first; a small campaign costs as much as a group."""
LINES_AT_ONCE_MAX: Final = 2_000_000
"""And so many where somebody waits for the answer: about a second."""
_GROUP_LINES: Final = 4_096
_FEW: Final = 20
"""For more people at once, recipients are taken to be as the campaign said of all."""
_KINDS: Final = ("consumer", "sole_trader", "legal_person")

Hold = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A line that asked about a subject, and its answer. `overrides`: what it said otherwise than others."""

    subject_key: bytes
    campaign: str
    line: int
    overrides: Mapping[str, Any]
    question: Question
    decision: Decision


@dataclass(frozen=True, slots=True)
class Searched:
    """The lines found, newest campaign first, and how many campaigns were left unsearched for their size."""

    lines: tuple[FoundLine, ...]
    unsearched: int


@dataclass(frozen=True, slots=True)
class _Variation:
    overrides: Mapping[str, Any]
    question: Question
    digest: bytes


class CampaignSearch:
    """Searches the campaigns of one ledger."""

    def __init__(
        self,
        campaigns: CampaignStore,
        proofs: CampaignProofs,
        admission: Admission,
        opener: Opener,
        catalogue: Catalogue,
    ) -> None:
        self._campaigns = campaigns
        self.proofs = proofs
        self._admission = admission
        self._opener = opener
        self._catalogue = catalogue

    async def concerning(
        self,
        snapshot: Snapshot,
        subjects: Sequence[bytes],
        size: int,
        *,
        lines_max: int | None = None,
        hold: Hold | None = None,
    ) -> Searched:
        """The lines about these subjects in campaigns that were recorded below this size of the log.

        `hold` is called now and then while it takes long. Raises `UnavailableError` and `ForkError`.
        """
        reading = _Reading(snapshot, self._admission, self._opener, self._catalogue)
        found: list[FoundLine] = []
        left = LINES_MAX if lines_max is None else lines_max
        names = await self._campaigns.names()
        for place, name in enumerate(names):
            campaign = await self._checked(name, size)
            if campaign is None:
                continue
            left -= max(campaign.count, _GROUP_LINES)
            if left < 0:
                return Searched(tuple(found), len(names) - place)
            if hold is not None:
                await hold()
            found += [line async for line in self._search(reading, campaign, subjects)]
        return Searched(tuple(found), 0)

    async def _checked(self, name: bytes, size: int) -> CampaignChecked | None:
        """The event of a campaign, where the log holds one below this size."""
        try:
            opened, event = await self.proofs.event(name.hex())
        except NotFoundError:
            return None  # it was killed before it ended: nothing speaks for it
        return event if opened.index < size else None

    async def _search(
        self, reading: "_Reading", campaign: CampaignChecked, subjects: Sequence[bytes]
    ) -> AsyncIterator[FoundLine]:
        await reading.touch()
        name = bytes.fromhex(campaign.campaign)
        body = await self._campaigns.question(name)
        runs = await self._campaigns.runs(name)
        if body is None:
            raise ForkError("what a campaign asked is missing from the database")
        stops = [run.first_line for run in runs[1:]] + [campaign.count + 1]
        for run, stop in zip(runs, stops, strict=True):
            places = _places(await self._campaigns.leaves(name, run.first_line - 1, stop - 1))
            rulebook = await reading.rulebook(run.position)
            variations = list(_variations(msgspec.json.decode(body), rulebook, few=len(subjects) <= _FEW))
            for subject in subjects:
                await asyncio.sleep(0)  # others have their turn meanwhile
                for variation in variations:
                    decision = await reading.decision(subject, variation, run, rulebook)
                    if decision is None:
                        continue
                    place = places.get(_leaf(subject, variation, run, decision))
                    if place is not None:
                        own = (campaign.campaign, run.first_line + place, variation.overrides)
                        yield FoundLine(subject, *own, variation.question, decision)


class _Reading:
    """What is read of people and rulebooks for one search, each once."""

    def __init__(
        self, snapshot: Snapshot, admission: Admission, opener: Opener, catalogue: Catalogue
    ) -> None:
        self._snapshot = snapshot
        self._admission = admission
        self._opener = opener
        self._catalogue = catalogue
        self._histories: dict[bytes, History | None] = {}
        self._rulebooks: dict[int, Rulebook] = {}
        self._standings: dict[tuple[bytes, str, int], Standings] = {}

    async def touch(self) -> None:
        """Use the snapshot, whose session would be ended if it were idle for a minute."""
        await self._snapshot.head()

    async def rulebook(self, position: int) -> Rulebook:
        """The rulebook that was in force in the epoch at this position."""
        if position not in self._rulebooks:
            entry = decode_entry((await self._snapshot.entries_at([position]))[position].entry)
            if not isinstance(entry, EpochEntry):
                raise ForkError("a campaign was answered from what is no epoch")
            self._rulebooks[position] = (await self._catalogue.rulebook(entry.rulebook_hash)).rulebook
        return self._rulebooks[position]

    async def decision(
        self, subject: bytes, variation: _Variation, run: Run, rulebook: Rulebook
    ) -> Decision | None:
        """What this was answered about this subject in this run; None where it could not be."""
        try:
            standings = await self._standing(subject, variation.question.sender, run.position)
            return decide(rulebook, standings, variation.question, run.at_ms)
        except InputError:
            return None

    async def _standing(self, subject: bytes, sender: str, position: int) -> Standings:
        """What was known of a subject at a position, as a decision takes it. Raises `QuestionError`."""
        wanted = (subject, sender, position)
        if wanted not in self._standings:
            _, self._standings[wanted] = await gather(
                self._through(position), self._admission, subject, sender
            )
        return self._standings[wanted]

    def _through(
        self, position: int
    ) -> Callable[[Sequence[bytes]], Awaitable[tuple[Head, dict[bytes, Standing]]]]:
        async def read(keys: Sequence[bytes]) -> tuple[Head, dict[bytes, Standing]]:
            missing = [key for key in keys if key not in self._histories]
            if missing:
                new = await self._opener.histories(self._snapshot, missing)
                self._histories |= {key: new.get(key) for key in missing}
            standings = {}
            for key in keys:
                history = self._histories[key]
                logged = [event for event in history.logged if event.index <= position] if history else []
                if history is not None and (logged or history.erasure is not None):
                    forms = await self._catalogue.forms(named_forms(logged))
                    standings[key] = fold_as_of(logged, forms, erased=history.erasure)
            return await self._snapshot.head(), standings

        return read


def _leaf(subject: bytes, variation: _Variation, run: Run, decision: Decision) -> bytes:
    decided = decision_bytes(decision_body(decision))
    return answer_leaf(subject, variation.digest, run.at_ms, run.position, decided)


def _places(leaves: bytes) -> dict[bytes, int]:
    """Where each leaf stands for the first time, counted from 0."""
    count = len(leaves) // HASH_SIZE
    return {leaves[place * HASH_SIZE : (place + 1) * HASH_SIZE]: place for place in range(count - 1, -1, -1)}


def _variations(body: Mapping[str, Any], rulebook: Rulebook, *, few: bool) -> Iterator[_Variation]:
    """What a line may have asked: as all did, or of a recipient of another country or kind."""
    countries = sorted(rulebook.packs) if few else ()
    recipients: list[dict[str, Any]] = [{}]
    recipients += [{"country": country} for country in countries]
    recipients += [{"kind": kind} for kind in _KINDS if few]
    recipients += [{"country": country, "kind": kind} for country in countries for kind in _KINDS]
    seen: set[bytes] = set()
    for recipient in recipients:
        overrides = {"recipient": recipient} if recipient else {}
        try:
            question = parse_question(merged(body, overrides))
        except InputError:
            continue  # the campaign left to its lines what a line must say
        asked = question_bytes(question)
        if asked not in seen:
            seen.add(asked)
            yield _Variation(overrides, question, question_hash_of(asked))
