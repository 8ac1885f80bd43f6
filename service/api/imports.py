"""`POST /v1/imports`: rows of an old list in, what each is worth out; recorded only where that is asked for.

The same as `consent-ledger import`, for programs: up to 1,000 rows, or lines without end, both ways.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from litestar import Response, post
from msgspec import UNSET, Meta, UnsetType

from service.api.bodies import (
    JSON,
    NDJSON,
    ApiRequest,
    convert,
    lines,
    media_type,
    read_batch,
    require_media_type,
    respond,
)
from service.api.callers.principal import WRITES, Principal, require_scope
from service.api.callers.quotas import Allowance
from service.api.duplex import Duplex, pipelined
from service.api.events import REFUSALS
from service.api.limits import ITEMS_MAX
from service.api.problems import ApiError, Problem, problem_of
from service.api.services import asked_by
from service.core.canonical import parse_strict
from service.core.errors import ConflictError, FormatError, InputError, LedgerError
from service.core.events import parse_event
from service.core.events.values import Channels, FormId, ImportOrigin, Method, Name, Names, SenderId
from service.ledger.appending.epoch import Receipt
from service.ledger.appending.intake import Intake
from service.ledger.importing.mapping import Meaning, State, map_columns, shipped_preset
from service.ledger.importing.rows import VERDICTS, About, Plan, Rows, Verdict

_GROUPS_MAX: Final = 8
_GROUP_LINES: Final = 128
_COLUMNS_MAX: Final = 1_000
_PHONE: Final = frozenset({"sms", "phone_live", "robocall", "fax"})
_ENCODER: Final = msgspec.json.Encoder()

Cell = str | int | float | bool | None
_ROW: Final = msgspec.json.Decoder(dict[str, Cell])


class ImportAbout(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What all rows have in common, and what their columns mean.

    Nothing is recorded unless `commit` is true. `columns` names the column of each meaning; what it leaves
    out is taken from `preset`, else from the names in the rows. `status` says what the words of the
    status column mean, `rows_are` what rows are that tell none (a no: what all are). The rest is that of
    `consent-ledger import`.
    """

    sender: SenderId
    categories: Annotated[Names, Meta(min_length=1)]
    channels: Annotated[Channels, Meta(min_length=1)] = ("email",)
    commit: bool = False
    columns: dict[Meaning, Annotated[str, Meta(min_length=1, max_length=200)]] = {}
    preset: Literal["mailchimp", "hubspot", "listmonk", "mautic"] | None = None
    status: dict[str, State] = {}
    rows_are: State | None = None
    timezone: Annotated[str, Meta(max_length=64)] | None = None
    time_formats: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=10)] = ()
    exported_at: Annotated[datetime, Meta(tz=True)] | None = None
    form: FormId | None = None
    box: Name | None = None
    method: Method | None = None
    origin: ImportOrigin = "transfer"
    source: Annotated[str, Meta(min_length=1, max_length=100)] = "api"

    def rows(self, names: Iterable[str], now_ms: int) -> Rows:
        """The reader of rows with these columns. Raises `InputError`."""
        header = list(dict.fromkeys([*names, *self.columns.values()]))
        preset = shipped_preset(self.preset) if self.preset else None
        mapping = map_columns(header, preset, self.columns.items(), self.rows_are, self.time_formats)
        words = {" ".join(word.lower().split()): state for word, state in self.status.items()}
        mapping = msgspec.structs.replace(mapping, status={**mapping.status, **words})
        kinds = {"phone" if channel in _PHONE else "email" for channel in self.channels}
        if len(kinds) != 1:
            raise InputError(
                "the channels are of one kind of address", pointer="/about/channels", code="value"
            )
        about = About(
            sender=self.sender,
            categories=self.categories,
            channels=self.channels,
            kind="phone" if "phone" in kinds else "email",
            source=f"import:{self.source}",
            form=self.form,
            box=self.box,
            method=self.method,
            origin=self.origin,
            exported_at=self.exported_at,
            timezone=self.timezone,
        )
        return Rows(mapping, about, now_ms)


class ImportRequest(msgspec.Struct, forbid_unknown_fields=True):
    """An import as one JSON object."""

    about: ImportAbout
    rows: Annotated[list[dict[str, Cell]], Meta(min_length=1)]


class ImportedRow(msgspec.Struct, omit_defaults=True):
    """What became of a row: its grade and events; or why it cannot be taken.

    `status` 201: something is new; 200: all of it was known, or nothing was to be recorded. `grade`: A to D,
    or `no` and `bounced`. `position`: up to where the ledger has it.
    """

    line: int
    status: int
    grade: Verdict | UnsetType = UNSET
    events: list[str] = []
    position: int | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET


class ImportSummary(msgspec.Struct):
    """What became of all of them. Every row is counted in `grades` or in `refused`."""

    rows: int
    grades: dict[Verdict, int]
    refused: int
    recorded: int
    known: int
    committed: bool


class ImportAnswer(msgspec.Struct):
    """What became of each row, in order, and of all of them."""

    items: list[ImportedRow]
    summary: ImportSummary


@dataclass(slots=True)
class _Import:
    """One import under way. `names`: the columns that the rows so far have had."""

    intake: Intake
    principal: Principal
    allowance: Allowance
    about: ImportAbout
    names: dict[str, None]
    rows: Rows = field(init=False)
    commit: bool = field(init=False)
    summary: ImportSummary = field(init=False)

    def __post_init__(self) -> None:
        self.commit = self.about.commit
        self.rows = self.about.rows(self.names, self.intake.now_ms())
        self.summary = ImportSummary(0, dict.fromkeys(VERDICTS, 0), 0, 0, 0, self.commit)

    async def begin(self, group: list[bytes]) -> asyncio.Task[list[ImportedRow]]:
        """Plan a group, and give its events their place in the queue; the task waits for the answers."""
        return await self.submit([self._read_line(line) for line in group])

    async def submit(self, plans: list[Plan | Exception]) -> asyncio.Task[list[ImportedRow]]:
        """As `begin`, for rows that were read."""
        events = [
            parse_event(event)
            for plan in plans
            if isinstance(plan, Plan) and self.commit
            for event in plan.events
        ]
        answers = await self.intake.submit_all(events)
        return asyncio.create_task(self._answered(plans, answers))

    def read(self, row: dict[str, Cell]) -> Plan | Exception:
        """What a row comes to."""
        try:
            if not row.keys() <= self.names.keys():
                self._learn(row)
            plan = self.rows.read({name: _text(cell) for name, cell in row.items()})
            return self._permitted(plan)
        except (InputError, ApiError) as refusal:
            return refusal

    def _permitted(self, plan: Plan) -> Plan:
        """What of a row this caller may record: its no always, the rest with right and quota."""
        noes = [event for event in plan.events if event["type"] in REFUSALS]
        if len(noes) == len(plan.events):
            return plan
        try:
            require_scope(self.principal, "record:write")
            self.allowance.require()
        except ApiError:
            if noes:
                return Plan(plan.verdict, noes)
            raise
        return plan

    def _learn(self, row: dict[str, Cell]) -> None:
        """Understand columns that no row had before: a no may be the first to have its own."""
        names = self.names | dict.fromkeys(row)
        if len(names) > _COLUMNS_MAX:
            raise InputError("the rows have too many different columns", code="too_large")
        self.rows, self.names = self.about.rows(names, self.intake.now_ms()), names

    def _read_line(self, line: bytes) -> Plan | Exception:
        try:
            row = _ROW.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return FormatError("a row is a flat JSON object")
        return self.read(row)

    async def _answered(
        self, plans: list[Plan | Exception], answers: Awaitable[list[Receipt | LedgerError]]
    ) -> list[ImportedRow]:
        results = iter(await answers)
        return [
            self._outcome(plan, [next(results) for _ in plan.events] if self.commit else [])
            if isinstance(plan, Plan)
            else self.refused(plan)
            for plan in plans
        ]

    def _outcome(self, plan: Plan, results: list[Receipt | LedgerError]) -> ImportedRow:
        # An id is made of the fact: used for another body, it only came with another row before.
        failed = [one for one in results if not isinstance(one, Receipt | ConflictError)]
        if failed:
            return self.refused(failed[0])
        new = [one for one in results if isinstance(one, Receipt) and not one.replayed]
        self.summary.recorded += len(new)
        self.summary.known += len(results) - len(new)
        self.summary.rows += 1
        self.summary.grades[plan.verdict] += 1
        row = ImportedRow(self.summary.rows, 201 if new else 200, plan.verdict)
        row.events = [event["type"] for event in plan.events]
        positions = [one.position for one in results if isinstance(one, Receipt)]
        if positions:
            row.position = max(positions)
        return row

    def refused(self, refusal: Exception) -> ImportedRow:
        """A row that cannot be taken."""
        problem = problem_of(refusal)
        self.summary.rows += 1
        self.summary.refused += 1
        return ImportedRow(self.summary.rows, problem.status, problem=problem)


@post(
    "/v1/imports",
    status_code=207,
    opt={"scope": None, "effect": WRITES, "unlimited": True},
    request_max_body_size=None,
)
async def import_rows(request: ApiRequest) -> Response[bytes]:
    """Take over rows of an old list, each with what it can show of a consent.

    A JSON object of up to 1,000 rows, or lines without end, the first of which is `{"about": {…}}`. Without
    `"commit": true` it is only said what they are worth. Rows that were recorded before change nothing. Any
    live credential may bring rows that say no; for the others it needs `record:write`.
    """
    require_media_type(request, JSON, NDJSON)
    if media_type(request) == NDJSON:
        arriving = lines(request, _GROUP_LINES)
        first: list[bytes] = await anext(arriving, [])
        about = _about_of(first[0] if first else b"")
        if len(first) == 1:
            first += await anext(arriving, [])
        begun = _begun(request, about, _first_row(first[1:]))
        return Duplex(_stream(begun, first[1:], arriving), media_type=NDJSON)
    body = convert(await read_batch(request), ImportRequest)
    if len(body.rows) > ITEMS_MAX:
        raise ApiError(413, "too-many-items", f"An import has 1 to {ITEMS_MAX} rows; send more as NDJSON")
    begun = _begun(request, body.about, body.rows[0])
    items = await (await begun.submit([begun.read(row) for row in body.rows]))
    return respond(ImportAnswer(items, begun.summary), 207)


def _begun(request: ApiRequest, about: ImportAbout, first: dict[str, Cell]) -> _Import:
    ledger, principal = asked_by(request)
    return _Import(ledger.intake, principal, request.state.allowance, about, dict.fromkeys(first))


def _about_of(line: bytes) -> ImportAbout:
    value = parse_strict(line)
    if not isinstance(value, dict) or value.keys() != {"about"}:
        raise InputError("the first line says what the import is about", pointer="/about", code="missing")
    return convert(value["about"], ImportAbout)


def _first_row(group: list[bytes]) -> dict[str, Cell]:
    """The first row that can be read: it shows whether its columns can be understood at all."""
    for line in group:
        try:
            return _ROW.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
    return {}


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell)


async def _stream(
    begun: _Import, first: list[bytes], arriving: AsyncIterator[list[bytes]]
) -> AsyncGenerator[bytes, None]:
    """One line out for each row, in order; a summary last."""

    async def groups() -> AsyncIterator[list[bytes]]:
        if first:
            yield first
        async for group in arriving:
            yield group

    try:
        async with aclosing(pipelined(groups(), begun.begin, _GROUPS_MAX)) as answered:
            async for rows in answered:
                yield _ENCODER.encode_lines(rows)
    except ApiError as refusal:
        yield _ENCODER.encode_lines([begun.refused(refusal)])
    yield _ENCODER.encode({"summary": begun.summary}) + b"\n"
