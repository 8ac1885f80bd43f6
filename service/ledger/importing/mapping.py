"""What the columns of a list mean: told, taken from a preset, or guessed from their names and shown."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Final, Literal, get_args

import msgspec
from msgspec import Struct

from service.core.errors import InputError

Meaning = Literal[
    "address",
    "status",
    "status_at",
    "opted_in_at",
    "opted_in_ip",
    "confirmed_at",
    "confirmed_ip",
    "opted_out_at",
    "opt_out",
    "complaint",
    "bounce",
    "bounced_at",
    "added_at",
    "source",
    "method",
    "form",
    "box",
    "wording",
    "country",
]
MEANINGS: Final[tuple[str, ...]] = get_args(Meaning)

State = Literal["subscribed", "pending", "unsubscribed", "complained", "bounced", "nothing"]
NOES: Final[tuple[State, ...]] = ("unsubscribed", "complained", "bounced")
"""States after which nobody may be mailed."""

PRESETS: Final = ("mailchimp", "hubspot", "listmonk", "mautic")

_WORDS: Final[Mapping[State, tuple[str, ...]]] = {
    "subscribed": ("subscribed", "active", "enabled", "confirmed", "opted in", "opt-in", "yes"),
    "pending": ("pending", "unconfirmed", "double_opt_in_pending"),
    "unsubscribed": ("unsubscribed", "opted out", "opt-out", "removed", "blocked", "blocklisted", "no"),
    "complained": ("complained", "complaint", "spam", "abuse"),
    "bounced": ("bounced", "cleaned", "hard bounce", "invalid", "undeliverable"),
    "nothing": ("none", "nonsubscribed", "transactional", "inactive", "disabled", "archived"),
}
STATES: Final[Mapping[str, State]] = {word: state for state, words in _WORDS.items() for word in words}
"""What the words of a status column say where a mapping names none."""

# By what a heading is once it is in lower case and nothing but letters and digits.
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "address": (
        *("email", "emailaddress", "emailadres", "mail", "mailaddress", "eposta", "emailadresse", "courriel"),
        *("phone", "phonenumber", "mobile", "mobilenumber", "telefoon", "telefoonnummer", "gsm", "address"),
    ),
    "status": ("status", "subscriptionstatus", "emailstatus", "subscriberstatus", "state"),
    "status_at": ("statuschangedat", "statusdate", "statustime"),
    "opted_in_at": (
        *("optintime", "optindate", "optedinat", "optinat", "subscribedat", "subscribedate", "consentdate"),
        *("consenttimestamp", "consentat", "aangemeldop", "inschrijfdatum", "signupdate", "signuptime"),
    ),
    "opted_in_ip": (
        "optinip",
        "optedinip",
        "consentip",
        "consentsourceip",
        "signupip",
        "ip",
        "ipaddress",
        "ipadres",
    ),
    "confirmed_at": ("confirmtime", "confirmedat", "confirmdate", "doubleoptintime", "bevestigdop"),
    "confirmed_ip": ("confirmip", "confirmedip"),
    "opted_out_at": (
        *("unsubtime", "unsubscribedat", "unsubscribedate", "optouttime", "optoutdate", "optedoutat"),
        *("afgemeldop", "uitschrijfdatum"),
    ),
    "opt_out": (
        *("unsubscribed", "unsubscribedfromallemail", "optout", "optedout", "donotemail", "donotcontact"),
        *("hasoptedoutofemail", "emailoptout", "afgemeld", "uitgeschreven", "blacklisted", "suppressed"),
    ),
    "complaint": ("complaint", "spamreport", "markedasspam"),
    "bounce": ("bounced", "hardbounce", "emailhardbouncereason", "bouncereason"),
    "bounced_at": ("cleantime", "bouncedat", "bouncedate"),
    "added_at": ("createdat", "createdate", "created", "dateadded", "addedat", "aangemaaktop"),
    "source": (
        "consentpageurl",
        "signupurl",
        "sourceurl",
        "pageurl",
        "optinurl",
        "signupsource",
        "optinsource",
    ),
    "method": ("consentmethod", "optinmethod", "method"),
    "form": ("consentformid", "formid"),
    "box": ("consentbox", "box"),
    "wording": ("consenttext", "consentwording", "wording", "optintext"),
    "country": ("country", "countrycode", "land", "cc"),
}


_FLAGS: Final = ("opt_out", "complaint", "bounce")
"""Meanings that several columns may have: any of them that says so counts."""


class Preset(Struct, forbid_unknown_fields=True, frozen=True):
    """A mapping file: what columns of these names mean, and what the words of a status column do.

    `columns`: for each meaning the headings that it goes by, upper and lower case and punctuation aside; one
    that ends in `*` is the beginning of a heading. `present`: the status of every row, by a column that only
    such a file has. `signature`, `signatures`: columns by which a list is known to be of this kind.
    """

    name: str
    columns: dict[Meaning, list[str]]
    status: dict[str, State] = {}
    present: dict[str, State] = {}
    signature: list[str] = []
    signatures: list[list[str]] = []
    time_formats: list[str] = []
    timezone: str | None = None

    def fits(self, header: Sequence[str]) -> bool:
        """Whether a list with these headings is of this kind."""
        there = {_bare(heading) for heading in header}
        kinds = [self.signature, *self.signatures]
        return any(kind and there.issuperset(map(_bare, kind)) for kind in kinds)


class ColumnMap(Struct, frozen=True):
    """What the columns of one list mean. `always`: the status of rows that say none."""

    name: str
    columns: dict[str, tuple[str, ...]]
    status: dict[str, State]
    always: State | None = None
    time_formats: tuple[str, ...] = ()
    timezone: str | None = None
    guessed: bool = False


def shipped_preset(name: str) -> Preset:
    """A preset that ships, one of `PRESETS`."""
    return read_preset(files("service.ledger.importing").joinpath("presets", f"{name}.toml").read_bytes())


def read_preset(raw: bytes) -> Preset:
    """A mapping file (TOML). Raises `InputError`, which says what is wrong with it."""
    try:
        return msgspec.convert(tomllib.loads(raw.decode()), Preset)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"this is no TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise InputError(f"this is no mapping: {error}") from None


def preset_for(header: Sequence[str]) -> Preset | None:
    """The preset that ships for a list with these headings, where just one fits."""
    fitting = [preset for preset in map(shipped_preset, PRESETS) if preset.fits(header)]
    return fitting[0] if len(fitting) == 1 else None


def map_columns(
    header: Sequence[str],
    preset: Preset | None,
    told: Iterable[tuple[str, str]],
    always: State | None = None,
    time_formats: Sequence[str] = (),
) -> ColumnMap:
    """What the columns mean: as `told` (meaning, heading), else as the preset says, else by their names.

    A column that is told to say no is one more beside those of the preset, which still count. `always`: the
    status of rows that tell none; where it is a no, of all rows. `time_formats`: instead of the preset's.
    Raises `InputError` for a heading that is not there, and where the address is not found or two columns
    could have one meaning.
    """
    columns = _told_columns(header, told)
    known = preset.columns if preset is not None else _NAMES
    for meaning, names in known.items():
        found = [heading for heading in header if any(_goes_by(heading, name) for name in names)]
        if found and meaning not in columns:
            columns[meaning] = _choose(meaning, found, names, ordered=preset is not None)
        elif preset is not None and meaning in _FLAGS:
            columns[meaning] = tuple(dict.fromkeys([*columns.get(meaning, ()), *found]))
    if "address" not in columns:
        raise InputError("which column holds the addresses? Say address=HEADING")
    if always in NOES:
        columns.pop("status", None)
    for heading, state in (preset.present if preset is not None else {}).items():
        always = always or (state if _bare(heading) in map(_bare, header) else None)
    words = preset.status if preset is not None and preset.status else STATES
    return ColumnMap(
        name=preset.name if preset is not None else "list",
        columns=columns,
        status={_plain(word): state for word, state in words.items()},
        always=always,
        time_formats=tuple(time_formats or (preset.time_formats if preset is not None else ())),
        timezone=preset.timezone if preset is not None else None,
        guessed=preset is None,
    )


def as_toml(mapping: ColumnMap) -> str:
    """The mapping as a file, to be kept, changed and used again."""
    lines = [f"name = {_quoted(mapping.name)}"]
    if mapping.timezone is not None:
        lines.append(f"timezone = {_quoted(mapping.timezone)}")
    if mapping.time_formats:
        lines.append(f"time_formats = [{', '.join(map(_quoted, mapping.time_formats))}]")
    lines += ["", "[columns]"]
    lines += [f"{name} = [{', '.join(map(_quoted, found))}]" for name, found in mapping.columns.items()]
    if mapping.always is not None:
        lines += ["", "[present]", f"{_quoted(mapping.columns['address'][0])} = {_quoted(mapping.always)}"]
    lines += ["", "[status]"]
    lines += [f"{_quoted(word)} = {_quoted(state)}" for word, state in mapping.status.items()]
    return "\n".join(lines) + "\n"


def _told_columns(header: Sequence[str], told: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    columns: dict[str, tuple[str, ...]] = {}
    for meaning, heading in told:
        if meaning in columns and meaning not in _FLAGS:
            raise InputError(f"{meaning} is told twice: only {', '.join(_FLAGS)} may be several columns")
        columns[meaning] = (*columns.get(meaning, ()), _told(header, meaning, heading))
    return columns


def _told(header: Sequence[str], meaning: str, heading: str) -> str:
    if meaning not in MEANINGS:
        raise InputError(f"a column means one of {', '.join(MEANINGS)}")
    found = [known for known in header if known == heading] or [
        known for known in header if _bare(known) == _bare(heading)
    ]
    if len(found) != 1:
        raise InputError(f"there is {'no' if not found else 'more than one'} column {heading!r}")
    return found[0]


def _choose(meaning: str, found: list[str], names: Iterable[str], *, ordered: bool) -> tuple[str, ...]:
    if meaning in _FLAGS or len(found) == 1:
        return tuple(found)
    if ordered:
        first = next(name for name in names if any(_goes_by(heading, name) for heading in found))
        found = [heading for heading in found if _goes_by(heading, first)]
        if len(found) == 1:
            return tuple(found)
    columns = ", ".join(map(repr, found))
    raise InputError(f"which of the columns {columns} is {meaning}? Say {meaning}=HEADING")


def _goes_by(heading: str, name: str) -> bool:
    if name.endswith("*"):
        return _bare(heading).startswith(_bare(name))
    return _bare(heading) == _bare(name)


def _bare(heading: str) -> str:
    return re.sub(r"[^a-z0-9]", "", heading.lower())


def _plain(word: str) -> str:
    return " ".join(word.lower().split())


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
