"""From bytes to the lines of a campaign: in bulk where they are plain, one by one and strictly where not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from service.core.canonical import parse_strict
from service.core.errors import InputError, LedgerError, QuestionError
from service.core.events.refusals import refused
from service.ledger.campaigns.lines import Asking, Askings, Group, Line

_OWN_FIELDS: Final = frozenset(Line.__struct_fields__)
_DECODER: Final = msgspec.json.Decoder(Line)
_ENCODER: Final = msgspec.json.Encoder()


class HeaderFields(msgspec.Struct):
    """What the defaults carry beside a question."""

    min_position: Annotated[int, Meta(ge=0, le=2**53 - 1)] | None = None
    unsubscribe: bool = False


@dataclass(frozen=True, slots=True)
class Header:
    """What all lines have in common.

    `unsubscribe`: each allow carries the header fields of the way out, unless its line says otherwise.
    `given`: it was said on a line of its own, which gets one back.
    """

    defaults: Mapping[str, Any]
    min_position: int | None
    unsubscribe: bool
    given: bool

    @classmethod
    def of(cls, defaults: Mapping[str, Any], first: object, *, given: bool = True) -> "Header":
        """Read the defaults; the sender may stand in the first line instead. Raises `InputError`."""
        own = {name: defaults[name] for name in HeaderFields.__struct_fields__ if name in defaults}
        try:
            fields = msgspec.convert(own, HeaderFields)
        except msgspec.ValidationError as error:
            wrong = refused(error, InputError)
            raise InputError(str(wrong), pointer=f"/defaults{wrong.pointer}", code=wrong.code) from None
        question = {name: value for name, value in defaults.items() if name not in own}
        if "sender" not in question and isinstance(first, dict) and "sender" in first:
            question["sender"] = first["sender"]
        return cls(question, fields.min_position, fields.unsubscribe, given)


def read_header(first: list[bytes]) -> tuple[Header, list[bytes]]:
    """The defaults, from the first line where it holds them, and the lines that are left.

    Raises `InputError` or `FormatError` when the first line is neither defaults nor a check.
    """
    value = parse_strict(first[0])
    if not isinstance(value, dict):
        raise QuestionError("the first line is an object", code="type")
    if "defaults" not in value:
        return Header.of({}, value, given=False), first
    if value.keys() != {"defaults"} or not isinstance(value["defaults"], dict):
        raise QuestionError(
            "the defaults are one object on a line of their own", pointer="/defaults", code="type"
        )
    return Header.of(value["defaults"], None), first[1:]


def group_of(raw: Sequence[bytes], askings: Askings) -> Group:
    """A group of lines as they arrived."""
    joined = b"\n".join(raw)
    if askings.common is not None and b"\\u" not in joined:
        try:
            plain = _DECODER.decode_lines(joined)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            plain = []
        # As in `parse_strict`: a key that was there twice has taken its colon with it.
        if len(plain) == len(raw) and _ENCODER.encode(plain).count(b":") == joined.count(b":"):
            return Group(plain)
    return item_of([_parsed(line) for line in raw], askings)


def item_of(items: Sequence[object], askings: Askings) -> Group:
    """A group of parsed lines, each with what it asks."""
    pairs = [_read(item, askings) for item in items]
    return Group([line for line, _ in pairs], [asking for _, asking in pairs])


def _parsed(line: bytes) -> object:
    try:
        return parse_strict(line)
    except LedgerError as refusal:
        return refusal


def _read(item: object, askings: Askings) -> tuple[Line | Exception, Asking | None]:
    if isinstance(item, Exception):
        return item, None
    if not isinstance(item, dict):
        return QuestionError("a line is an object", code="type"), None
    try:
        line = msgspec.convert({name: value for name, value in item.items() if name in _OWN_FIELDS}, Line)
    except msgspec.ValidationError as error:
        return refused(error, QuestionError), None
    try:
        return line, askings.of({name: item[name] for name in item if name not in _OWN_FIELDS})
    except QuestionError as refusal:
        return refusal, None
