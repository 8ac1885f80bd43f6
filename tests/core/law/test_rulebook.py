"""Bad rulebooks are refused with the place and the reason; good ones are named by their hash."""

import hashlib
from typing import Any

import pytest

from service.core.errors import QuestionError, RulebookError
from service.core.law.pack import parse_pack
from service.core.law.rulebook import (
    default_rulebook,
    load_rulebook,
    parse_rulebook,
    rulebook_bytes,
    rulebook_hash,
)
from tests.core.law.world import AGREED, PACKS, World

OWN: dict[str, Any] = {
    "schema": 1,
    "label": "autumn",
    "default_jurisdiction": "NL",
    "parameters": [{"name": "consent.max_idle_months", "value": 12, "valid_to": "2026-06-30"}],
    "senders": {"acme": {"country": "NL"}},
    "categories": {
        "marketing": {},
        "newsletter": {"parent": "marketing", "product": "shoes", "senders": ["acme"]},
    },
    "products": ["shoes", "socks"],
    "similar_products": [["shoes", "socks"]],
    "holidays": {"NL": ["2026-12-25"]},
}


def _figure(**fields: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
    return [{"name": "consent.max_idle_months", "value": 12} | fields]


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "an unknown field": ({"colour": 1}, "/colour", "unknown_field"),
    "a statutory figure": (
        {"parameters": [{"name": "ca.purchase_months", "value": 36}]},
        "/parameters/0/value",
        "statutory",
    ),
    "an unknown figure": ({"parameters": _figure(name="x.y")}, "/parameters/0/name", "unknown_parameter"),
    "a figure out of range": ({"parameters": _figure(value=500)}, "/parameters/0/value", "range"),
    "overlapping dates": (
        {"parameters": _figure(valid_to="2026-06-30") + _figure(valid_from="2026-06-30")},
        "/parameters/1",
        "overlap",
    ),
    "dates in the wrong order": (
        {"parameters": _figure(valid_from="2026-06-30", valid_to="2026-06-29")},
        "/parameters/0/valid_to",
        "order",
    ),
    "a day that does not exist": (
        {"parameters": _figure(valid_from="2026-02-30")},
        "/parameters/0/valid_from",
        "not_a_date",
    ),
    "an unknown product in the similarity map": (
        {"similar_products": [["shoes", "hats"]]},
        "/similar_products/0/1",
        "unknown_category",
    ),
    "an unknown product of a category": (
        {"categories": {"newsletter": {"product": "hats"}}},
        "/categories/newsletter/product",
        "unknown_product",
    ),
    "an unknown parent": (
        {"categories": {"newsletter": {"parent": "x"}}},
        "/categories/newsletter/parent",
        "unknown_category",
    ),
    "a cycle": (
        {"categories": {"a": {"parent": "b"}, "b": {"parent": "a"}}},
        "/categories/a/parent",
        "cycle",
    ),
    "an unknown sender": (
        {"categories": {"newsletter": {"senders": ["evil"]}}},
        "/categories/newsletter/senders/0",
        "unknown_sender",
    ),
    "an unknown pack": ({"packs": {"NL": "0" * 64}}, "/packs/NL", "unknown_pack"),
    "no law for the default": ({"default_jurisdiction": "ZZ"}, "/default_jurisdiction", "unknown_pack"),
    "ten megabytes": (
        {"categories": {f"c{n}": {"label": "x" * 199} for n in range(9_000)}},
        "",
        "too_large",
    ),
}


@pytest.mark.parametrize(("change", "pointer", "code"), BAD.values(), ids=BAD)
def test_a_bad_rulebook_is_refused_with_place_and_reason(
    change: dict[str, Any], pointer: str, code: str
) -> None:
    with pytest.raises(RulebookError) as caught:
        parse_rulebook(OWN | change, PACKS)
    assert (caught.value.pointer, caught.value.code) == (pointer, code)


def test_a_rulebook_may_only_name_registered_senders() -> None:
    assert parse_rulebook(OWN, PACKS, known_senders=frozenset({"acme"})).document.label == "autumn"
    with pytest.raises(RulebookError) as caught:
        parse_rulebook(OWN, PACKS, known_senders=frozenset())
    assert caught.value.code == "unknown_sender"


def test_a_rulebook_read_back_from_its_bytes_is_the_same() -> None:
    rulebook = parse_rulebook(OWN, PACKS)
    again = load_rulebook(rulebook_bytes(rulebook), PACKS)
    assert rulebook_hash(again) == rulebook_hash(rulebook)
    assert rulebook_hash(rulebook) != rulebook_hash(default_rulebook(PACKS))


def test_a_rulebook_names_its_packs_by_hash() -> None:
    assert set(default_rulebook(PACKS).document.packs.values()) == set(PACKS)


@pytest.mark.parametrize("body", [b"", b"{", b"x" * (1024 * 1024 + 1), b'{"schema":1,"schema":1}'])
def test_bytes_that_are_no_rulebook_are_refused(body: bytes) -> None:
    with pytest.raises(RulebookError):
        load_rulebook(body, PACKS)


def test_a_category_the_rulebook_does_not_list_cannot_be_asked_for() -> None:
    with pytest.raises(QuestionError) as caught:
        World(**OWN).ask("2026-01-01", category="gossip")
    assert caught.value.code == "unknown_category"


def test_a_figure_of_the_house_holds_between_its_dates() -> None:
    told = World(**OWN).tell("consent_granted", "2025-01-01", **AGREED)
    assert told.ask("2026-06-01").reason_code == "CONSENT_STALE"
    assert told.ask("2026-07-01").reason_code == "CONSENT"


def test_a_consent_to_a_category_covers_those_below_it_and_a_no_does_too() -> None:
    told = World(**OWN).tell("consent_granted", "2025-06-01", **AGREED | {"categories": ["marketing"]})
    assert told.ask("2026-01-01").reason_code == "CONSENT"
    told.tell("objection", "2026-01-01", scope="category", categories=["marketing"])
    assert told.ask("2026-01-02").reason_code == "OBJECTED"


PACK = """
jurisdiction = "NL"
name = "x"
as_of = 2026-01-01
[[rule]]
id = "nl.rule"
does = "opt_out"
citation = "xxx"
nature = "statute"
verified = true
"""
BAD_PACKS = {
    "no TOML": ("jurisdiction = ", "toml"),
    "an unknown move": (PACK.replace("opt_out", "guess"), "value"),
    "two versions at once": (PACK + PACK.split("as_of = 2026-01-01")[1], "overlap"),
    "an end before the beginning": (
        PACK + "valid_from = 2026-01-02\nvalid_to = 2026-01-01\n",
        "order",
    ),
    "too large": ("#" * 300_000, "too_large"),
}


@pytest.mark.parametrize(("text", "code"), BAD_PACKS.values(), ids=BAD_PACKS)
def test_a_bad_pack_is_refused(text: str, code: str) -> None:
    with pytest.raises(RulebookError) as caught:
        parse_pack(text.encode())
    assert caught.value.code == code


@pytest.mark.parametrize("data", PACKS.values())
def test_every_shipped_rule_says_where_it_comes_from(data: bytes) -> None:
    pack = parse_pack(data)
    assert all(rule.citation and rule.nature for rule in pack.rule)
    assert all(parameter.citation for parameter in pack.parameter)


def test_a_figure_that_every_law_reads_may_not_be_missing() -> None:
    packs = {
        digest: body.replace(b'"consent.refresh_months"', b'"consent.renewal_months"')
        for digest, body in PACKS.items()
    }
    named = {hashlib.sha256(body).hexdigest(): body for body in packs.values()}
    with pytest.raises(RulebookError) as refused:
        default_rulebook(named)
    assert (refused.value.pointer, refused.value.code) == ("/packs/common", "unknown_parameter")
