"""Campaign checks: any number of lines, each answered from the newest state, all under one root in the log.

Lines are answered in groups, each from one state of the log: a withdrawal that comes while a campaign runs is
honoured from the next group on, and every answer names the position it was made from. At the end one event
and one signature speak for all answers. When the asker goes away before, they speak for what was answered
until then, and say so; when this process is killed, nothing speaks for the campaign, whose asker got no
summary, and every single answer can still be proved as any other question can.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from service.core.campaign import (
    CAMPAIGN_SOURCE,
    DecisionWriter,
    campaign_event_id,
    question_hash_of,
    refused_leaf,
)
from service.core.errors import FormatError, InputError, QuestionError
from service.core.events import parse_event
from service.core.token import CAMPAIGN_TOKEN_TYPE, sign_token, token_header
from service.ledger.appending.admission import Admission
from service.ledger.appending.appender import Appender
from service.ledger.appending.epoch import Receipt
from service.ledger.campaigns.answers import GroupAnswers, Prepared
from service.ledger.campaigns.lines import Asking, Askings, Group, KeyMaker, Line, code_of
from service.ledger.campaigns.ports import CampaignStore, Run
from service.ledger.campaigns.reads import Reader
from service.ledger.campaigns.tree import AnswerTree
from service.ledger.catalogue import Catalogue
from service.ledger.keys import LedgerKeys
from service.ledger.ports import UNMETERED, Clock, Meter, Randomness

GROUP_LINES_MAX: Final = 4_096
_TILES_KEPT_AT_ONCE: Final = 64
_RUNS_KEPT_AT_ONCE: Final = 1_024
_ID_SIZE: Final = 16
_quoted: Final = msgspec.json.Encoder().encode
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Refuse = Callable[[int, str | None, Exception], bytes]
"""What to answer in place of a line that was refused: its number, the caller's id and why."""

HeaderWriter = Callable[[bytes, str, str, str], bytes]
"""The member of an allow that holds the header fields of the way out, for a subject key, sender, category and
channel. It follows from what the leaf commits to, so the leaf does not hold it."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A campaign that ended. `receipt` and `token` are None where no line was answered."""

    campaign: str
    complete: bool
    count: int
    allowed: int
    denied: int
    refused: int
    root: bytes
    from_position: int
    to_position: int
    receipt: Receipt | None
    token: str | None


@dataclass(frozen=True, slots=True)
class Parts:
    """What every campaign of a ledger works with."""

    store: CampaignStore
    keys: LedgerKeys
    admission: Admission
    catalogue: Catalogue
    appender: Appender
    clock: Clock
    random: Randomness
    meter: Meter = UNMETERED


@dataclass(frozen=True, slots=True)
class Telling:
    """How a campaign's answers are told to its caller."""

    refuse: Refuse
    header_of: HeaderWriter
    unsubscribe: bool
    with_detail: bool

    def header(self, line: Line | Exception, subject_key: bytes, asking: Asking) -> bytes:
        """The member of an allow with the header fields, and a comma; empty where they are not wanted."""
        wanted: bool | None = getattr(line, "unsubscribe", None)
        if not (self.unsubscribe if wanted is None else wanted):
            return b""
        question = asking.question
        return self.header_of(subject_key, question.sender, question.category, question.channel) + b","


class Campaigns:
    """Opens campaigns."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._key_maker = KeyMaker(parts.keys.subject_key_secret)

    async def open(
        self,
        defaults: Mapping[str, Any],
        refuse: Refuse,
        header_of: HeaderWriter,
        *,
        unsubscribe: bool = False,
        min_position: int | None = None,
        with_detail: bool = True,
    ) -> "Campaign":
        """Begin a campaign; `defaults` is what its lines have in common, the sender at least.

        `unsubscribe`: allows carry the header fields of the way out, where a line does not say otherwise.
        Raises `QuestionError` for what is no question, an unknown sender or a position that does not exist.
        """
        askings = Askings(defaults)
        parts = self._parts
        if not await parts.catalogue.is_sender(askings.sender):
            raise QuestionError(
                "no such sender is registered", pointer="/defaults/sender", code="unknown_sender"
            )
        reader = Reader(parts.store, parts.admission, askings.sender)
        state = (await reader.read(())).found.state
        if min_position is not None and min_position > state.position:
            raise QuestionError(
                "this position does not exist", pointer="/defaults/min_position", code="in_future"
            )
        telling = Telling(refuse, header_of, unsubscribe, with_detail)
        campaign = Campaign(parts, askings, reader, self._key_maker, telling)
        await parts.store.begin(bytes.fromhex(campaign.id), askings.body)
        return campaign


class Campaign:
    """One campaign under way. `prepare` may run ahead; `answer` takes groups in the order of the lines."""

    def __init__(
        self,
        parts: Parts,
        askings: Askings,
        reader: Reader,
        key_maker: KeyMaker,
        telling: "Telling",
    ) -> None:
        self.id = parts.random(_ID_SIZE).hex()
        self.askings = askings
        self.allowed = self.refused = 0
        self._parts = parts
        self._reader = reader
        self._key_maker = key_maker
        self._telling = telling
        self._began_ms = parts.clock()
        self._writer = DecisionWriter()
        self._tree = AnswerTree()
        self._run = Run(0, -1, -1)
        self._runs: list[Run] = []
        self._positions: tuple[int, int] | None = None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def count(self) -> int:
        """How many lines were answered."""
        return self._tree.size

    async def prepare(self, group: Group) -> Prepared:
        """Name the subjects of a group and read what is held of them."""
        keys = self._key_maker.keys_of(group.lines)
        read = await self._reader.read({key for key in keys if isinstance(key, bytes)})
        catalogue = self._parts.catalogue
        rulebook = (await catalogue.rulebook(read.found.state.rulebook_hash)).rulebook
        moved = read.moved
        return Prepared(
            group,
            keys,
            read,
            rulebook,
            (await catalogue.rulebook(moved.state.rulebook_hash)).rulebook if moved is not None else None,
        )

    async def answer(self, prepared: Prepared) -> bytes:
        """The answers to the next lines, one line of JSON each.

        Raises `UnavailableError` when what a later proof needs cannot be kept.
        """
        telling = self._telling
        answers = GroupAnswers(prepared, self._parts.clock(), self._writer, with_detail=telling.with_detail)
        written: list[bytes] = []
        leaves: list[bytes] = []
        number = self._tree.size
        askings = prepared.group.askings
        for place, (line, key) in enumerate(zip(prepared.group.lines, prepared.keys, strict=True)):
            number += 1
            name = getattr(line, "id", None)
            try:
                if not isinstance(key, bytes):
                    raise key
                asking = (askings[place] if askings is not None else None) or self.askings.require_common()
                found, at_ms, body, leaf, decision = answers.of(key, asking)
            except (InputError, FormatError) as refusal:
                self.refused += 1
                written.append(telling.refuse(number, name, refusal))
                leaves.append(refused_leaf(code_of(refusal)))
                continue
            state = found.state
            if (state.position, at_ms) != self._run[1:]:
                self._begin_run(Run(number, state.position, at_ms))
            leaves.append(leaf)
            own = b'"id":%b,' % _quoted(name) if name is not None else b""
            own += telling.header(line, key, asking) if decision == "allow" else b""
            written.append(
                b'{"line":%d,%b"status":200,"position":%d,%b\n' % (number, own, state.position, body[1:])
            )
        for (decision, code), count in answers.counts.items():
            self._parts.meter.answered(decision, code, count)
            self.allowed += count if decision == "allow" else 0
        self._tree.extend(leaves)
        await self._keep_some()
        return b"".join(written)

    def _begin_run(self, run: Run) -> None:
        self._run = run
        self._runs.append(run)
        low, high = self._positions or (run.position, run.position)
        self._positions = (min(low, run.position), max(high, run.position))

    async def _keep_some(self) -> None:
        """Keep what has piled up, while the next lines are answered; one write at a time."""
        if self._tree.waiting() < _TILES_KEPT_AT_ONCE and len(self._runs) < _RUNS_KEPT_AT_ONCE:
            return
        await self._kept()
        runs, self._runs = self._runs, []
        keep = self._parts.store.keep(bytes.fromhex(self.id), self._tree.take_full(), runs)
        self._keeping = asyncio.ensure_future(keep)

    async def _kept(self) -> None:
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            await keeping

    async def close(self, *, complete: bool) -> Summary:
        """Record what was answered; returns when it is durable, also when the caller is being cancelled.

        Raises `UnavailableError` when it could not be recorded.
        """
        return await asyncio.shield(asyncio.ensure_future(self._close(complete=complete)))

    async def _close(self, *, complete: bool) -> Summary:
        receipt = token = None
        positions = self._positions or (0, 0)
        if self.count:
            await self._kept()
            await self._parts.store.keep(bytes.fromhex(self.id), self._tree.take_rest(), self._runs)
            receipt = await self._record(positions, complete=complete)
            token = self._sign(receipt, complete=complete)
        return Summary(
            campaign=self.id,
            complete=complete,
            count=self.count,
            allowed=self.allowed,
            denied=self.count - self.allowed - self.refused,
            refused=self.refused,
            root=self._tree.root(),
            from_position=positions[0],
            to_position=positions[1],
            receipt=receipt,
            token=token,
        )

    async def _record(self, positions: tuple[int, int], *, complete: bool) -> Receipt:
        now_ms = self._parts.clock()
        common = self.askings.common
        event: dict[str, object] = {
            "type": "campaign_checked",
            "source": CAMPAIGN_SOURCE,
            "source_event_id": campaign_event_id(self.id),
            "occurred_at": (_EPOCH + timedelta(milliseconds=min(self._began_ms, now_ms))).isoformat(),
            "sender": self.askings.sender,
            "campaign": self.id,
            "root": self._tree.root().hex(),
            "count": self.count,
            "allowed": self.allowed,
            "refused": self.refused,
            "question": question_hash_of(self.askings.body).hex(),
            "from_position": positions[0],
            "to_position": positions[1],
            "complete": complete,
        }
        if common is not None:
            event |= {"category": common.question.category, "channel": common.question.channel}
        return await self._parts.appender.append(self._parts.admission.admit(parse_event(event), now_ms))

    def _sign(self, receipt: Receipt, *, complete: bool) -> str:
        signer = self._parts.keys.signer
        claims: dict[str, object] = {
            "iss": self._parts.keys.origin,
            "iat": receipt.recorded_at_ms // 1000,
            "campaign": self.id,
            "root": self._tree.root().hex(),
            "count": self.count,
            "complete": complete,
            "question": question_hash_of(self.askings.body).hex(),
            "index": receipt.index,
            "position": receipt.position,
        }
        return sign_token(
            signer.private, token_header(signer.verifier.key_id.hex(), CAMPAIGN_TOKEN_TYPE), claims
        )
