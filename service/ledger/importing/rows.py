"""One row: what it says, what it can show of that, and the events that say the same."""

import hashlib
import ipaddress
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final, Literal, get_args

import msgspec
from msgspec import Struct

from service.core.canonical import canonical_json
from service.core.errors import InputError
from service.core.events import check_times, parse_event
from service.core.events.parsing import EPOCH
from service.core.events.values import ImportOrigin, Method
from service.ledger.addresses import canonical_address
from service.ledger.importing.mapping import NOES, ColumnMap, State
from service.ledger.importing.times import Moment, read_moment, read_zone

Verdict = Literal["A", "B", "C", "D", "no", "bounced"]
"""The grade of a row that claims a yes or nothing; or that it says no, or that the address is dead."""

VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)

Event = dict[str, Any]
Cells = Mapping[str, str]

CELLS_CHARS_MAX: Final = 12_000
"""What of a row is kept as evidence, which has 16 KiB."""

_TRUE: Final = frozenset({"true", "yes", "1", "y", "x", "t", "on", "ja", "j", "oui", "wahr", "vrai", "waar"})
_FALSE: Final = frozenset({"", "false", "no", "0", "n", "f", "off", "nee", "nein", "non", "falsch", "onwaar"})
_NOES: Final = frozenset({"consent_withdrawn", "objection"})
_ACTS: Final = ("web_form", "written_message", "verbal", "signed_writing", "participation", "terms_clause")
_FORMULAS: Final = ("=", "@", "-", "+=", "\t", "\r")


class About(Struct, frozen=True, kw_only=True):
    """What all rows of a list have in common, as whoever imports it says.

    `form` and `box`: the published form by which the list was filled. `method`: what people did there.
    `exported_at`: when the list was made, for rows that tell no time of their own.
    """

    sender: str
    categories: tuple[str, ...]
    channels: tuple[str, ...]
    kind: Literal["email", "phone"] = "email"
    source: str = "import:list"
    form: str | None = None
    box: str | None = None
    method: Method | None = None
    origin: ImportOrigin = "transfer"
    exported_at: datetime | None = None
    timezone: str | None = None


class Plan(Struct, frozen=True, gc=False):
    """What a row comes to."""

    verdict: Verdict
    events: list[Event]


class _Times(Struct, frozen=True):
    opted_in: Moment | None
    confirmed: Moment | None
    opted_out: Moment | None
    bounced: Moment | None
    added: Moment | None
    status: Moment | None


class Rows:
    """Reads rows of one list. `now_ms`: nothing may lie after it."""

    def __init__(self, mapping: ColumnMap, about: About, now_ms: int) -> None:
        self._mapping = mapping
        self._about = about
        self._now_ms = now_ms
        zone = about.timezone or mapping.timezone
        self._zone: tzinfo | None = read_zone(zone) if zone else None

    @property
    def fingerprint(self) -> str:
        """Of everything but the rows that decides what a row becomes."""
        return hashlib.sha256(msgspec.json.encode([self._mapping, self._about])).hexdigest()

    def read(self, cells: Cells) -> Plan:
        """The events of a row. Raises `InputError`, which never repeats what the row says."""
        row = _Row(self._mapping, cells)
        address = _address(row, self._about.kind)
        times = self._times(row)
        state = _state(row, self._mapping, times)
        evidence = _evidence(cells)
        events: list[Event] = []
        verdict = self._claimed(row, state, times, events)
        if state in ("unsubscribed", "complained"):
            verdict = "no"
            events.append(self._no(row, state, times))
        elif times.opted_out is not None:
            events.append(self._no(row, state, times))
        if state == "bounced" or times.bounced is not None or _says(row, "bounce", anything=True):
            verdict = verdict if verdict == "no" else "bounced"
            events.append(self._at(times.bounced or times.status, "address_bounced", {"hard": True}))
        granted = ""
        for event in events:
            self._complete(event, address, granted)
            event["evidence"] = evidence
            granted = event["source_event_id"]
            check_times(parse_event(event), self._now_ms)
        return Plan(verdict, events)

    def _times(self, row: "_Row") -> _Times:
        def read(meaning: str) -> Moment | None:
            text = row.text(meaning)
            if not text:
                return None
            try:
                return read_moment(text, self._zone, self._mapping.time_formats)
            except InputError as error:
                raise InputError(f"{meaning}: {error}", code=error.code) from None

        return _Times(
            read("opted_in_at"),
            read("confirmed_at"),
            read("opted_out_at"),
            read("bounced_at"),
            read("added_at"),
            read("status_at"),
        )

    def _claimed(self, row: "_Row", state: State, times: _Times, events: list[Event]) -> Verdict:
        """Add what the row says of a yes, and grade it."""
        if times.opted_in is None and times.confirmed is None and state in NOES:
            return "D"  # a row that says no and nothing else has nothing to be graded
        method, ip = self._method(row), _ip(row, "opted_in_ip") or _ip(row, "confirmed_ip")
        origin = ip or row.text("source")
        form = row.text("form").lower() or self._about.form
        if times.opted_in is not None and method is not None and origin:
            events += self._grant(row, state, times, method, form)
            return "A" if form else "B"
        if state == "pending":
            asked = {"categories": self._about.categories, "channels": self._about.channels}
            events.append(self._at(times.opted_in or times.added, "consent_requested", asked))
            return "C" if times.opted_in else "D"
        events.append(self._imported(row, state, times))
        return "C" if times.opted_in or times.confirmed else "D"

    def _method(self, row: "_Row") -> str | None:
        """What the person did, as the row or the importer says; a sign-up with an IP address used a form."""
        said = row.text("method").lower().replace(" ", "_")
        if said and said not in _ACTS:
            raise InputError(f"method is one of {', '.join(_ACTS)}", code="method")
        return said or self._about.method or ("web_form" if _ip(row, "opted_in_ip") else None)

    def _grant(self, row: "_Row", state: State, times: _Times, method: str, form: str | None) -> list[Event]:
        opted_in, confirmed = times.opted_in, times.confirmed
        twice = confirmed is not None and opted_in is not None and confirmed.first > opted_in.last
        pending = twice or (state == "pending" and confirmed is None)
        fields: Event = {
            "method": method,
            "evidence_grade": "documented" if form else "none",
            "evidence_items": ["timestamp"],
            "double_opt_in": "pending" if pending else "not_used",
        }
        if _ip(row, "opted_in_ip") or _ip(row, "confirmed_ip"):
            fields["evidence_items"].append("ip")
        fields |= self._scope()
        box = row.text("box") or self._about.box
        if form:
            fields["evidence_items"].append("wording_version")
            # What the form says of its box holds; the categories can only narrow it.
            ticked = {"box": box, "method": "ticked" if method == "web_form" else method} if box else {}
            fields |= {"form": form} | ticked
        else:
            fields["senders"] = [self._about.sender]
        wording = row.text("wording")
        if wording:
            fields["wording"] = wording[:4_000]
        events = [self._at(opted_in, "consent_granted", fields)]
        if twice:
            events.append(self._at(confirmed, "consent_confirmed", {"categories": self._about.categories}))
        return events

    def _scope(self) -> Event:
        return {"categories": self._about.categories, "channels": self._about.channels}

    def _imported(self, row: "_Row", state: State, times: _Times) -> Event:
        claimed = state != "nothing" or times.opted_in is not None or times.confirmed is not None
        fields: Event = {
            "origin": self._about.origin,
            "consent_evidence": "claimed_no_record" if claimed else "not_claimed",
        }
        country = row.text("country").upper()
        if len(country) == 2 and country.isascii() and country.isalpha():  # noqa: PLR2004 - ISO 3166-1 alpha-2
            fields["recipient_country"] = country
        return self._at(times.opted_in or times.confirmed or times.added, "address_imported", fields)

    def _no(self, row: "_Row", state: State, times: _Times) -> Event:
        kind = "objection" if state == "complained" or _says(row, "complaint") else "consent_withdrawn"
        return self._at(times.opted_out or times.status, kind, {"scope": "all_marketing"}, last=True)

    def _at(self, moment: Moment | None, kind: str, fields: Event, *, last: bool = False) -> Event:
        """An event at its own time, or where it has none at that of the export.

        A day without an hour counts for a yes from its beginning and for a no from its end.
        """
        if moment is None:
            if self._about.exported_at is None:
                raise InputError("the row tells no time: say when the list was exported", code="no_time")
            # A row without a time says the same thing in every export. But a no is said anew each time.
            told = self._about.exported_at if kind in _NOES else None
            return {"type": kind, "occurred_at": self._about.exported_at, "told": told, **fields}
        now = EPOCH + timedelta(milliseconds=self._now_ms)
        when = max(moment.first, min(moment.last, now)) if last else moment.first
        return {"type": kind, "occurred_at": when, "told": moment.first, **fields}

    def _complete(self, event: Event, address: dict[str, str], granted: str) -> None:
        """Add what all events say, and an id that the same fact has whatever file it comes from."""
        told: datetime | None = event.pop("told")
        event |= {"sender": self._about.sender, "address": address, "source": self._about.source}
        event["occurred_at"] = _stamp(event["occurred_at"])
        said = event | {"occurred_at": _stamp(told) if told is not None else None}
        if event["type"] == "consent_confirmed":
            # Confirming belongs to its consent: the same consent with better proof is confirmed once more.
            said["confirms"] = granted
        event["source_event_id"] = hashlib.sha256(canonical_json(said)).hexdigest()


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


class _Row:
    """The cells of a row by what they mean."""

    def __init__(self, mapping: ColumnMap, cells: Cells) -> None:
        self._columns = mapping.columns
        self._cells = cells

    def all(self, meaning: str) -> list[str]:
        """The cells of every column of this meaning."""
        return [self._cells.get(heading, "").strip() for heading in self._columns.get(meaning, ())]

    def text(self, meaning: str) -> str:
        """The first of them that says something."""
        return next((cell for cell in self.all(meaning) if cell), "")


def _address(row: _Row, kind: str) -> dict[str, str]:
    """The address in its canonical form."""
    text = row.text("address")
    if not text:
        raise InputError("there is no address", code="missing")
    if text.startswith("'+"):
        text = text[1:]  # the apostrophe by which spreadsheets are kept from calculating
    if text.startswith(_FORMULAS):
        raise InputError("this is a formula, and no address", code="formula")
    canonical = canonical_address(kind, text)
    return {"kind": canonical.kind, "value": canonical.value}


def _state(row: _Row, mapping: ColumnMap, times: _Times) -> State:
    """What the row says of itself: any no it tells outweighs everything else."""
    word = " ".join(row.text("status").lower().split())
    if word and word not in mapping.status:
        raise InputError("the status is none that is known: say what it means in a mapping", code="status")
    state: State = mapping.status[word] if word else mapping.always or "nothing"
    if _says(row, "complaint") or state == "complained":
        return "complained"
    if _says(row, "opt_out") or (times.opted_out is not None and state not in ("subscribed", "bounced")):
        return "unsubscribed"
    return state


def _says(row: _Row, meaning: str, *, anything: bool = False) -> bool:
    """Whether a flag is set. `anything`: whatever is not a no sets it, such as the reason of a bounce."""
    for cell in row.all(meaning):
        word = cell.lower()
        if word in _TRUE or (anything and word not in _FALSE):
            return True
        if word not in _FALSE:
            raise InputError(f"{meaning} says neither yes nor no", code="flag")
    return False


def _ip(row: _Row, meaning: str) -> str:
    text = row.text(meaning)
    try:
        return str(ipaddress.ip_address(text)) if text else ""
    except ValueError:
        raise InputError(f"{meaning} is no IP address", code="ip") from None


def _evidence(cells: Cells) -> Event:
    """The row as it stood in the list, to be sealed."""
    row = {heading: cell for heading, cell in cells.items() if cell}
    if sum(map(len, row.values())) + sum(map(len, row)) > CELLS_CHARS_MAX:
        raise InputError("the row is too long to be kept as evidence", code="too_large")
    try:
        msgspec.json.encode(row)
    except UnicodeEncodeError:
        raise InputError("the row holds bytes that are no text in this encoding", code="encoding") from None
    if any("\0" in cell for cell in row.values()):
        raise InputError("the row holds a NUL", code="encoding")
    return {"row": row}
