"""The rulebook: packs in force, the house's figures, senders, categories and what is similar to what.

It is one JSON document, published as a ledger event and named by the SHA-256 of its canonical bytes. A
rulebook
names its packs by hash, so an old answer can be derived again from the same rules. Core reads no files:
whoever
calls hands in the packs' bytes under their SHA-256 in hex.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from service.core.canonical import canonical_json, parse_strict
from service.core.errors import FormatError, RulebookError
from service.core.events.refusals import refused
from service.core.events.values import Country, Day, Label, Name, SenderId, SenderKind
from service.core.law.compiled import Compiled, compile_rules
from service.core.law.pack import Pack, Parameter, check_together, parse_pack
from service.core.law.settings import HouseSettings, Setting

RULEBOOK_BYTES_MAX: Final = 1024 * 1024
COMMON: Final = "common"
_TABLES: Final = ("packs", "senders", "categories", "holidays")
# A key that does not look like a name is not repeated: it can be somebody's address.
_PRINTABLE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
Jurisdiction = Annotated[str, Meta(pattern=r"^[A-Z]{2}(?!\n)$")]


class Sender(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A legal entity that mails."""

    country: Country
    kind: SenderKind = "business"
    registered: bool | None = None
    legal_name: Label | None = None


class Category(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A category of messages: its parent, the product it is about, the senders that use it (empty: all)."""

    parent: Name | None = None
    product: Name | None = None
    senders: tuple[SenderId, ...] = ()
    label: Label | None = None


class ParameterSetting(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One of the house's figures, with the dates (inside) between which it holds."""

    name: Annotated[str, Meta(max_length=64)]
    value: int
    valid_from: Day | None = None
    valid_to: Day | None = None


class RulebookDocument(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The document as it is published."""

    schema: Literal[1] = 1
    label: Label = "default"
    default_jurisdiction: Jurisdiction = "EU"
    packs: dict[str, Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]] = {}
    parameters: Annotated[tuple[ParameterSetting, ...], Meta(max_length=1000)] = ()
    senders: Annotated[dict[SenderId, Sender], Meta(max_length=10_000)] = {}
    categories: Annotated[dict[Name, Category], Meta(max_length=10_000)] = {}
    products: Annotated[tuple[Name, ...], Meta(max_length=10_000)] = ()
    similar_products: Annotated[tuple[tuple[Name, Name], ...], Meta(max_length=100_000)] = ()
    holidays: dict[Jurisdiction, Annotated[tuple[Day, ...], Meta(max_length=2000)]] = {}


class Rulebook:
    """A rulebook that was checked, with its rules laid out for deciding."""

    __slots__ = ("compiled", "document", "packs")

    def __init__(self, document: RulebookDocument, packs: Mapping[str, Pack], compiled: Compiled) -> None:
        self.document = document
        self.packs = packs
        self.compiled = compiled


def default_rulebook(packs: Mapping[str, bytes]) -> Rulebook:
    """Return the rulebook of a house that has settled nothing yet: every pack, every default.

    `packs`: the bytes of each pack under their SHA-256 in hex.
    """
    named = {parse_pack(data).jurisdiction: digest for digest, data in packs.items()}
    return parse_rulebook({"schema": 1, "packs": dict(sorted(named.items()))}, packs)


def parse_rulebook(
    obj: object,
    packs: Mapping[str, bytes],
    *,
    known_senders: frozenset[str] | None = None,
    partial: bool = False,
) -> Rulebook:
    """Read and check a rulebook.

    Packs that `obj` does not name at all are taken over as they are handed in. With `partial`, packs that it
    names may be left out, all but the common one: what could need one of them is then refused when asked.
    `known_senders`: the senders
    the
    ledger has registered; where given, the rulebook may name no other. Raises RulebookError with pointer
    and code:
    too_large, missing, unknown_field, type, value, unknown_pack, statutory, range, unknown_parameter,
    overlap, order,
    unknown_category, unknown_product, unknown_sender, cycle, no_common, not_a_date.
    """
    try:
        document = msgspec.convert(obj, RulebookDocument)
    except msgspec.ValidationError as error:
        raise _placed(obj, refused(error, RulebookError)) from None
    if not document.packs:
        named = {parse_pack(data).jurisdiction: digest for digest, data in packs.items()}
        document = msgspec.structs.replace(document, packs=dict(sorted(named.items())))
    return _checked(document, packs, known_senders, partial=partial)


def load_rulebook(body: bytes, packs: Mapping[str, bytes], *, partial: bool = False) -> Rulebook:
    """Read a published rulebook back; `partial` as in `parse_rulebook`. Raises RulebookError."""
    if len(body) > RULEBOOK_BYTES_MAX:
        raise RulebookError("a rulebook is at most 1 MiB", code="too_large")
    try:
        obj = parse_strict(body)
    except FormatError:
        raise RulebookError("this is not the JSON of a rulebook", code="json") from None
    return parse_rulebook(obj, packs, partial=partial)


def rulebook_bytes(rulebook: Rulebook) -> bytes:
    """Return the canonical JSON (RFC 8785) by which the rulebook is named."""
    return canonical_json(msgspec.to_builtins(rulebook.document))


def rulebook_hash(rulebook: Rulebook) -> bytes:
    """Return the SHA-256 of the rulebook's canonical bytes."""
    return hashlib.sha256(rulebook_bytes(rulebook)).digest()


def _placed(obj: object, error: RulebookError) -> RulebookError:
    """The same refusal with the key of the entry that was refused, which the decoder does not tell."""
    fields = {field.name: field.type for field in msgspec.structs.fields(RulebookDocument)}
    for name, entries in obj.items() if isinstance(obj, dict) else ():
        elsewhere = error.pointer and not error.pointer.startswith(f"/{name}/")
        if name not in _TABLES or not isinstance(entries, dict) or elsewhere:
            continue
        for key, entry in entries.items():
            try:
                msgspec.convert({key: entry}, fields[name])
            except msgspec.ValidationError as found:
                inner = refused(found, RulebookError)
                shown = key if _PRINTABLE.fullmatch(key) else "*"
                pointer = f"/{name}/{shown}{inner.pointer.removeprefix('/')}"
                return RulebookError(str(inner), pointer=pointer, code=inner.code)
    return error


def _checked(
    document: RulebookDocument,
    packs: Mapping[str, bytes],
    known_senders: frozenset[str] | None,
    *,
    partial: bool,
) -> Rulebook:
    if len(msgspec.json.encode(document)) > RULEBOOK_BYTES_MAX:
        raise RulebookError("a rulebook is at most 1 MiB", code="too_large")
    chosen = _chosen_packs(document, packs, partial=partial)
    hidden = frozenset(document.packs) - chosen.keys()
    _check_senders(document, known_senders)
    _check_categories(document)
    _check_products(document)
    settings = HouseSettings(
        parameters=_settings(document, chosen, may_be_hidden=bool(hidden)),
        ancestors=_ancestors(document),
        products={name: category.product for name, category in document.categories.items()},
        similar=frozenset(document.similar_products) | {(b, a) for a, b in document.similar_products},
        senders={name: (s.country, s.kind, s.registered) for name, s in document.senders.items()},
        holidays={name: _days(name, days) for name, days in document.holidays.items()},
        default_jurisdiction=document.default_jurisdiction,
    )
    return Rulebook(document, chosen, compile_rules(chosen, settings, hidden))


def _chosen_packs(
    document: RulebookDocument, packs: Mapping[str, bytes], *, partial: bool
) -> dict[str, Pack]:
    chosen: dict[str, Pack] = {}
    for name, digest in sorted(document.packs.items()):
        data = packs.get(digest)
        if data is None and partial:
            continue
        if data is None or hashlib.sha256(data).hexdigest() != digest:
            raise RulebookError("there is no such pack", pointer=f"/packs/{name}", code="unknown_pack")
        chosen[name] = parse_pack(data)
        if chosen[name].jurisdiction != name:
            raise RulebookError("the pack is of another jurisdiction", pointer=f"/packs/{name}", code="value")
    if COMMON not in chosen:
        raise RulebookError("the rules that hold everywhere are missing", pointer="/packs", code="no_common")
    if document.default_jurisdiction not in document.packs:
        raise RulebookError("there is no pack for it", pointer="/default_jurisdiction", code="unknown_pack")
    check_together(chosen)
    return chosen


def _settings(
    document: RulebookDocument, packs: Mapping[str, Pack], *, may_be_hidden: bool
) -> dict[str, tuple[Setting, ...]]:
    known = {parameter.name: parameter for pack in packs.values() for parameter in pack.parameter}
    settings: dict[str, list[Setting]] = {name: [] for name in known}
    for place, given in enumerate(document.parameters):
        pointer = f"/parameters/{place}"
        if may_be_hidden and given.name not in known:
            # Its days still part the calendar, so that an answer holds until the same instant.
            settings.setdefault(given.name, []).append(_span(given, pointer))
            continue
        setting = _setting(given, known.get(given.name), pointer)
        if any(_overlap(setting, other) for other in settings[given.name]):
            raise RulebookError("two values hold on the same day", pointer=pointer, code="overlap")
        settings[given.name].append(setting)
    return {
        name: (
            *sorted(values, key=lambda s: s.valid_from),
            *([Setting(date.min, date.max, known[name].default)] if name in known else ()),
        )
        for name, values in settings.items()
    }


def _setting(given: ParameterSetting, known: Parameter | None, pointer: str) -> Setting:
    if known is None:
        raise RulebookError("no pack knows this figure", pointer=f"{pointer}/name", code="unknown_parameter")
    if known.nature == "statute":
        raise RulebookError(
            f"{known.name} is the law's own figure ({known.citation}) and cannot be edited",
            pointer=f"{pointer}/value",
            code="statutory",
        )
    if not known.minimum <= given.value <= known.maximum:
        raise RulebookError(
            f"this figure lies between {known.minimum} and {known.maximum}",
            pointer=f"{pointer}/value",
            code="range",
        )
    return _span(given, pointer)


def _span(given: ParameterSetting, pointer: str) -> Setting:
    begins = _date(given.valid_from, f"{pointer}/valid_from") or date.min
    ends = _date(given.valid_to, f"{pointer}/valid_to") or date.max
    if ends < begins:
        raise RulebookError("it ends before it begins", pointer=f"{pointer}/valid_to", code="order")
    return Setting(begins, ends, given.value)


def _overlap(one: Setting, other: Setting) -> bool:
    return one.valid_from <= other.valid_to and other.valid_from <= one.valid_to


def _date(text: str | None, pointer: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RulebookError("there is no such day", pointer=pointer, code="not_a_date") from None


def _days(name: str, texts: tuple[str, ...]) -> frozenset[date]:
    days = (_date(text, f"/holidays/{name}/{place}") for place, text in enumerate(texts))
    return frozenset(day for day in days if day is not None)


def _check_senders(document: RulebookDocument, known: frozenset[str] | None) -> None:
    allowed = set(document.senders) if known is None else known
    for name in document.senders:
        if name not in allowed:
            raise RulebookError(
                "no such sender is registered", pointer=f"/senders/{name}", code="unknown_sender"
            )
    for name, category in document.categories.items():
        for place, sender in enumerate(category.senders):
            if sender not in allowed:
                raise RulebookError(
                    "no such sender is registered",
                    pointer=f"/categories/{name}/senders/{place}",
                    code="unknown_sender",
                )


def _check_categories(document: RulebookDocument) -> None:
    for name, category in document.categories.items():
        if category.parent is not None and category.parent not in document.categories:
            raise RulebookError(
                "there is no such category", pointer=f"/categories/{name}/parent", code="unknown_category"
            )
    cleared: set[str] = set()
    for start in document.categories:
        path: set[str] = set()
        for name in _line(document, start):
            if name in path:
                raise RulebookError(
                    "this category is its own ancestor", pointer=f"/categories/{name}/parent", code="cycle"
                )
            if name in cleared:
                break
            path.add(name)
        cleared |= path


def _check_products(document: RulebookDocument) -> None:
    known = set(document.products)
    for name, category in document.categories.items():
        if category.product is not None and known and category.product not in known:
            raise RulebookError(
                "there is no such product", pointer=f"/categories/{name}/product", code="unknown_product"
            )
        if category.product is not None:
            known.add(category.product)
    for place, pair in enumerate(document.similar_products):
        for side, product in enumerate(pair):
            if product not in known:
                raise RulebookError(
                    "there is no such product category",
                    pointer=f"/similar_products/{place}/{side}",
                    code="unknown_category",
                )


def _ancestors(document: RulebookDocument) -> dict[str, frozenset[str]]:
    return {name: frozenset(_line(document, name)) for name in document.categories}


def _line(document: RulebookDocument, name: str | None) -> Iterator[str]:
    while name is not None:
        yield name
        name = document.categories[name].parent


def as_json(rulebook: Rulebook) -> dict[str, Any]:
    """Return the document as plain JSON values."""
    body: dict[str, Any] = msgspec.to_builtins(rulebook.document)
    return body
