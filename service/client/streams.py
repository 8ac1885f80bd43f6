"""Lines both ways: a campaign's checks, and events without end, in memory that does not grow with them."""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from typing import Any, Final

import msgspec

from service.client.answers import Answered, Line, Outcome, Receipt, Summary
from service.client.errors import AwayError, NoAnswerError, Problem, failure
from service.client.operations import CAMPAIGN, RECORD_MANY
from service.client.transport import Transport
from service.client.trust import Trust

Item = Mapping[str, Any]
Items = Iterable[Item] | AsyncIterable[Item]

GROUP_ITEMS: Final = 256
WAITING_ITEMS_MAX: Final = 4_096
"""So many may be under way: enough for any round trip, little enough to keep and to send again."""

_OK: Final = 200
_ENCODER: Final = msgspec.json.Encoder()


class _Said(msgspec.Struct):
    """A line of an answer, whichever it is."""

    status: int = 0
    line: int = 0
    campaign: str = ""
    problem: Problem | None = None
    receipt: Receipt | None = None
    summary: dict[str, Any] | None = None


_SAID: Final = msgspec.json.Decoder(_Said)
_ANSWERED: Final = msgspec.json.Decoder(Answered)


class _Window:
    """What was sent and is not answered yet, in order. A sender waits while it is full."""

    def __init__(self, items: Items) -> None:
        self._groups = _groups(items)
        self._taking: asyncio.Task[list[dict[str, Any]] | None] | None = None
        self._pending: deque[dict[str, Any]] = deque()
        self._room = asyncio.Event()

    async def sending(self, header: bytes = b"") -> AsyncIterator[bytes]:
        """What is not answered yet, again, and then what is new, as lines."""
        if header:
            yield header
        if self._pending:
            yield _ENCODER.encode_lines(self._pending)
        while True:
            while len(self._pending) + GROUP_ITEMS > WAITING_ITEMS_MAX:
                self._room.clear()
                await self._room.wait()
            group = await self._take()
            if group is None:
                return
            yield _ENCODER.encode_lines(group)

    async def _take(self) -> list[dict[str, Any]] | None:
        """The next group, pending from now on; nothing is lost when a connection dies in between."""
        if self._taking is None:
            self._taking = asyncio.ensure_future(_next(self._groups))
        group = await asyncio.shield(self._taking)
        self._taking = None
        if group is not None:
            self._pending.extend(group)
        return group

    async def close(self) -> None:
        """Ask for no more."""
        if self._taking is not None:
            self._taking.cancel()
            await asyncio.wait([self._taking])
        await self._groups.aclose()

    @property
    def empty(self) -> bool:
        """Whether everything that was sent is answered."""
        return not self._pending

    def first(self) -> dict[str, Any]:
        """What the next answer is about. Raises `AwayError` for an answer to nothing."""
        if not self._pending:
            raise AwayError("there are more answers than questions")
        return self._pending[0]

    def answered(self) -> None:
        """The first has its answer."""
        self._pending.popleft()
        self._room.set()


async def _next(groups: AsyncIterator[list[dict[str, Any]]]) -> list[dict[str, Any]] | None:
    return await anext(groups, None)


async def _groups(items: Items) -> AsyncGenerator[list[dict[str, Any]], None]:
    """Items in small groups; one that arrives by itself is not held back for company."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield [dict(item)]
        return
    taken = iter(items)
    while group := [dict(item) for item in itertools.islice(taken, GROUP_ITEMS)]:
        yield group


class Campaign:
    """A campaign under way: iterate over its lines. `summary` is there when the last one has come.

    `id` is there with the first line: by it, and its number, a line is proved, also where the campaign broke
    off. What has come stands then: every line is an answer of its own.
    """

    def __init__(self, transport: Transport, trust: Trust | None, defaults: Item, checks: Items) -> None:
        self._transport = transport
        self._trust = trust
        self._header = _ENCODER.encode({"defaults": dict(defaults)}) + b"\n"
        self._window = _Window(checks)
        self._summary: Summary | None = None
        self.id = ""
        self._line = 0

    @property
    def summary(self) -> Summary:
        """What became of it. Raises `AwayError` while it is not complete."""
        if self._summary is None:
            raise AwayError("the campaign is not complete: do not send to those without an answer")
        return self._summary

    async def groups(self) -> AsyncGenerator[list[Line], None]:
        """Its lines, as many at a time as have come.

        Raises `NoAnswerError` where it breaks off: whoever has no line by then has no answer.
        """
        sending = self._window.sending(self._header)
        try:
            async with aclosing(self._transport.lines(CAMPAIGN, sending)) as answers:
                async for raw in answers:
                    lines, failed = await self._read_all(raw)
                    if lines:
                        yield lines
                    if failed is not None:
                        raise failed
        finally:
            await self._window.close()
        if self._summary is None:
            raise AwayError("the campaign broke off")

    async def _read_all(self, raw: list[bytes]) -> tuple[list[Line], NoAnswerError | None]:
        """The lines that can be read, and what is wrong with the first that cannot."""
        lines: list[Line] = []
        try:
            for one in raw:
                line = await self._read(one)
                if line is not None:
                    lines.append(line)
        except NoAnswerError as error:
            return lines, error
        return lines, None

    async def __aiter__(self) -> AsyncGenerator[Line, None]:
        async with aclosing(self.groups()) as groups:
            async for lines in groups:
                for line in lines:
                    yield line

    async def _read(self, raw: bytes) -> Line | None:
        try:
            said = _SAID.decode(raw)
            answer = _ANSWERED.decode(raw) if said.status == _OK else None
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise AwayError("a line of the campaign cannot be read") from error
        if said.line == 0:
            self.id = said.campaign or self.id
            if said.summary is not None:
                await self._end(said.summary)
            return None
        self._line += 1
        check = self._window.first()
        if said.line != self._line or (answer is None and said.problem is None):
            raise AwayError("the lines of the campaign are out of order")
        if said.problem is not None:
            problem = failure(said.problem)
            if problem.retry_after is not None:
                raise problem  # the campaign ends here: this line was not judged
        self._window.answered()
        return Line(line=said.line, check=check, answer=answer, problem=said.problem)

    async def _end(self, told: dict[str, Any]) -> None:
        try:
            summary = msgspec.convert(told, Summary)
        except msgspec.ValidationError as error:
            raise AwayError("the summary of the campaign cannot be read") from error
        if not summary.complete or summary.count != self._line or not self._window.empty:
            raise AwayError("the campaign broke off")
        if self._trust is not None:
            await self._trust.check_summary(summary)
        self._summary = summary


async def record_groups(
    transport: Transport, events: Items, patience: float
) -> AsyncGenerator[list[Outcome], None]:
    """Record events as they come; outcomes in their order, as many at a time as have come.

    What was not answered when a connection broke is sent again: its `source_event_id` keeps it from being
    recorded twice. Raises `NoAnswerError` for what another attempt would not change, and when nothing was
    recorded for `patience` seconds.
    """
    window, attempt, since = _Window(events), 0, time.monotonic()
    try:
        while True:
            try:
                async with aclosing(transport.lines(RECORD_MANY, window.sending())) as answers:
                    async for raw in answers:
                        outcomes, failed = _outcomes(raw, window)
                        if outcomes:
                            attempt, since = 0, time.monotonic()
                            yield outcomes
                        if failed is not None:
                            raise failed
                if window.empty:
                    return
                raise AwayError("the stream broke off")
            except NoAnswerError as broken:
                attempt += 1
                await transport.pause(attempt, broken, since + patience)
    finally:
        await window.close()


def _outcomes(raw: list[bytes], window: _Window) -> tuple[list[Outcome], NoAnswerError | None]:
    """What became of events, and what interrupts: then the event concerned is still to be recorded."""
    outcomes: list[Outcome] = []
    for one in raw:
        try:
            said = _SAID.decode(one)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return outcomes, AwayError("a line of the answer cannot be read")
        if said.summary is not None:
            continue
        if said.problem is not None:
            interrupted = failure(said.problem)
            if interrupted.retry_after is not None:
                return outcomes, interrupted
        elif said.receipt is None:
            return outcomes, AwayError("a line of the answer says nothing")
        try:
            event = window.first()
        except AwayError as error:
            return outcomes, error
        window.answered()
        outcomes.append(Outcome(event, said.receipt, said.problem))
    return outcomes, None
