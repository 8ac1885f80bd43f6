"""The lines of a campaign: an address each, and what is asked of it; from text to subject key in bulk."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from service.core.campaign import question_bytes, question_hash_of
from service.core.canonical import canonical_json
from service.core.errors import AddressError, InputError, QuestionError
from service.core.law.question import Question, parse_question
from service.core.records import subject_keys
from service.ledger.addresses import CANONICAL_KINDS, canonical_address, plain_email

_ASKINGS_KEPT_MAX: Final = 1_024
_MERGED: Final = ("recipient", "message")


class LineAddress(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """An address as the caller has it."""

    kind: str
    value: Annotated[str, Meta(min_length=1, max_length=320)]


class Line(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One line that asks only what all lines ask.

    `id`: the caller's own, given back beside the answer. `unsubscribe`: whether an allow carries the header
    fields of the way out; None: as the campaign's defaults say.
    """

    address: LineAddress
    id: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    unsubscribe: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Asking:
    """A question that many lines share, and the hash by which their leaves name it."""

    question: Question
    digest: bytes


@dataclass(frozen=True, slots=True)
class Group:
    """Lines that are read and answered together; `askings` None: all of them ask what all lines ask."""

    lines: Sequence[Line | Exception]
    askings: Sequence[Asking | None] | None = None


class Askings:
    """What the lines of one campaign ask: the campaign's own question, and where a line says otherwise."""

    def __init__(self, defaults: Mapping[str, Any]) -> None:
        """Take what all lines share. Raises `QuestionError` when it names no sender or is no question."""
        sender = defaults.get("sender")
        if not isinstance(sender, str):
            raise QuestionError("a campaign has one sender", pointer="/defaults/sender", code="missing")
        self._defaults = dict(defaults)
        self._kept: dict[bytes, Asking] = {}
        self.sender = sender
        self.common: Asking | None = None
        try:
            self.common = self._asking(self._defaults)
        except QuestionError as error:
            # What every line has to add itself may be left out; what is there must be right.
            if error.code != "missing":
                raise QuestionError(
                    str(error), pointer=f"/defaults{error.pointer}", code=error.code
                ) from None
            self._missing: QuestionError = error
        self.body = question_bytes(self.common.question) if self.common else canonical_json(self._defaults)

    def require_common(self) -> Asking:
        """What a line asks that adds nothing. Raises `QuestionError` when that is no whole question."""
        if self.common is None:
            raise QuestionError(str(self._missing), pointer=self._missing.pointer, code="missing")
        return self.common

    def of(self, overrides: Mapping[str, Any]) -> Asking:
        """What a line asks that says otherwise: field by field, also inside `recipient` and `message`.

        Raises `QuestionError`.
        """
        if not overrides:
            return self.require_common()
        key = msgspec.json.encode(overrides, order="sorted")
        known = self._kept.get(key)
        if known is None:
            known = self._asking(merged(self._defaults, overrides))
            if known.question.sender != self.sender:
                raise QuestionError("a campaign has one sender", pointer="/sender", code="value")
            if len(self._kept) >= _ASKINGS_KEPT_MAX:
                self._kept.clear()
            self._kept[key] = known
        return known

    @staticmethod
    def _asking(body: Mapping[str, Any]) -> Asking:
        question = parse_question(body)
        return Asking(question, question_hash_of(question_bytes(question)))


def merged(defaults: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """`defaults` with what a line says otherwise; a null takes a field back to not known."""
    body = dict(defaults)
    for name, value in overrides.items():
        inner = body.get(name)
        if name in _MERGED and isinstance(inner, Mapping) and isinstance(value, Mapping):
            body[name] = _without_nulls({**inner, **value})
        else:
            body[name] = value
    return _without_nulls(body)


def _without_nulls(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


class KeyMaker:
    """From an address as it was typed to the key of its subject."""

    def __init__(self, secret: bytes) -> None:
        self._makers: dict[str, Callable[[bytes], bytes]] = {
            kind: subject_keys(secret, kind) for kind in CANONICAL_KINDS
        }

    def keys_of(self, lines: Sequence[Line | Exception]) -> list[bytes | Exception]:
        """The subject key of each line; the refusal of those whose address cannot be used."""
        makers = self._makers
        email = makers["email"]
        keys: list[bytes | Exception] = []
        for line in lines:
            if not isinstance(line, Line):
                keys.append(line)
                continue
            address = line.address
            if address.kind == "email" and (plain := plain_email(address.value)) is not None:
                keys.append(email(plain.encode()))
                continue
            try:
                canonical = canonical_address(address.kind, address.value)
            except AddressError as refusal:
                keys.append(refusal)
            else:
                keys.append(makers[canonical.kind](canonical.value.encode()))
        return keys


def code_of(refusal: Exception) -> str:
    """The stable word of a refusal, as it stands in the campaign's tree."""
    return refusal.code if isinstance(refusal, InputError) else "refused"
