"""The vocabulary: what is accepted, what is refused and where, and what of it is hashed."""

from typing import Any, get_args

import msgspec
import pytest

from service.core.canonical import canonical_json
from service.core.errors import EventError, FormError
from service.core.events import (
    SubmittedEvent,
    check_times,
    decode_event,
    form_bytes,
    form_id,
    parse_event,
    parse_form,
    participants,
    record_body,
    recorded_from_body,
)

JANE = {"kind": "email", "value": "jane@example.org"}
JOHN = {"kind": "email", "value": "john@example.org"}
ID = "0" * 64
NEEDS: dict[str, dict[str, Any]] = {
    "consent_granted": {
        "categories": ["newsletter"],
        "channels": ["email"],
        "senders": ["acme"],
        "method": "checkbox",
        "checkbox_default": "unticked",
    },
    "address_imported": {"origin": "partner", "from": "dealer"},
    "address_changed": {"from": JANE, "to": JOHN, "by": "recipient", "address": None},
    "register_listed": {"register": "UK_TPS"},
    "register_checked": {"register": "UK_TPS", "listed": False},
    "business_transferred": {"from": "old", "to": "new", "deal": "asset_deal", "address": None},
    "sender_renamed": {"from": "old", "to": "new", "same_legal_entity": True, "address": None},
    "referral": {"referrer": "a friend"},
    "message_sent": {"category": "newsletter", "channel": "email"},
    "preference_flag_changed": {"new_value": "opted_in", "by": "system"},
    "human_assessment": {"subject": "presumed_consent", "outcome": "present"},
    "correction": {"corrects": 4},
    "sender_registered": {"legal_name": "Acme", "country": "NL", "address": None},
    "form_published": {"form": ID, "address": None},
    "rulebook_published": {"rulebook": ID, "address": None},
    "key_rotated": {"key_id": "k2", "address": None},
    "campaign_checked": {
        "campaign": ID[:32],
        "root": ID,
        "count": 3,
        "allowed": 1,
        "refused": 0,
        "question": ID,
        "from_position": 4,
        "to_position": 9,
        "complete": True,
        "address": None,
    },
    "export_created": {"export": ID[:32], "scope": "ledger", "by": "key-1", "address": None},
    "export_downloaded": {"export": ID[:32], "by": "key-1", "address": None},
}
TYPES = sorted(str(kind.__struct_config__.tag) for kind in get_args(SubmittedEvent))


def event(kind: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """The smallest event of a type, changed by `fields`; None takes a field away."""
    full: dict[str, Any] = {
        "type": kind,
        "source_event_id": "crm-1",
        "occurred_at": "2026-11-23T10:15:00.1239+01:00",
        "sender": "acme",
        "address": JANE,
    }
    full |= NEEDS.get(kind, {})
    full |= fields
    return {name: value for name, value in full.items() if value is not None}


def nested(levels: int) -> dict[str, Any]:
    """So many objects within each other."""
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def body_of(obj: dict[str, Any], role: str = "address", other: str | None = None) -> dict[str, object]:
    """What would be hashed of an event."""
    return record_body(parse_event(obj), role, other)


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_is_read_the_same_from_json_and_from_bytes(kind: str) -> None:
    obj = event(kind)
    assert parse_event(obj) == decode_event(msgspec.json.encode(obj))


@pytest.mark.parametrize("kind", TYPES)
def test_a_recorded_body_says_again_what_was_submitted(kind: str) -> None:
    parsed = parse_event(event(kind))
    for participant in participants(parsed):
        other = None if participant.role in ("address", "sender") else ID
        body = record_body(parsed, participant.role, other)
        recorded = recorded_from_body(msgspec.json.decode(canonical_json(body)))
        assert recorded.type == kind
        assert (recorded.role, recorded.counterpart) == (participant.role, other)
        again = record_body(recorded.event, recorded.role, recorded.counterpart)
        assert again == body


@pytest.mark.parametrize("kind", TYPES)
def test_a_body_holds_no_address_no_evidence_and_no_id_of_the_caller(kind: str) -> None:
    parsed = parse_event(event(kind, evidence={"ip": "192.0.2.1"}, external_id="cust-77"))
    for participant in participants(parsed):
        raw = canonical_json(record_body(parsed, participant.role, None))
        assert not any(secret in raw for secret in (b"example.org", b"192.0.2.1", b"crm-1", b"cust-77"))


def test_a_recorded_time_is_utc_to_the_millisecond() -> None:
    assert body_of(event("purchase"))["occurred_at"] == "2026-11-23T09:15:00.123Z"


REFUSED = {
    "no type": (event("purchase", type=None), "/type", "missing"),
    "an unknown type": (event("moon_landed"), "/type", "value"),
    "no id": (event("purchase", source_event_id=None), "/source_event_id", "missing"),
    "an empty id": (event("purchase", source_event_id=""), "/source_event_id", "value"),
    "a time without a zone": (event("purchase", occurred_at="2026-01-01T00:00:00"), "/occurred_at", "value"),
    "an unknown field": (event("purchase", colour="purple"), "/colour", "unknown_field"),
    "an unknown field inside": (event("purchase", address=JANE | {"x": 1}), "/address/x", "unknown_field"),
    "a sender with capitals": (event("purchase", sender="Acme"), "/sender", "value"),
    "a sender with a line break": (event("purchase", sender="acme\n"), "/sender", "value"),
    "no address": (event("purchase", address=None), "/address", "missing"),
    "an address where none belongs": (event("key_rotated", address=JANE), "/address", "value"),
    "a wrong type in a list": (event("consent_granted", categories=["a", 1]), "/categories/1", "type"),
    "no categories": (event("consent_granted", categories=[]), "/categories", "missing"),
    "nobody named": (event("consent_granted", senders=[], sender=None), "/senders", "missing"),
    "a tick without a form": (event("consent_granted", method="ticked"), "/form", "missing"),
    "a box of unknown default": (
        event("consent_granted", checkbox_default=None),
        "/checkbox_default",
        "missing",
    ),
    "a day that does not exist": (event("consent_granted", expires="2026-02-30"), "/expires", "value"),
    "a category scope without one": (event("objection", scope="category"), "/categories", "missing"),
    "a purchase from nobody": (event("purchase", sender=None), "/seller", "missing"),
    "a change to the same address": (event("address_changed", to=JANE), "/to", "value"),
    "half a change": (event("address_changed", to=None), "/to", "missing"),
    "evidence in 17 levels": (event("purchase", evidence=nested(17)), "/evidence", "value"),
    "evidence of 17 KiB": (event("purchase", evidence={"x": "y" * 17_000}), "/evidence", "too_large"),
    "half a character": (event("purchase", external_id="\ud800"), "/external_id", "value"),
    "a list": ([], "", "type"),
}


@pytest.mark.parametrize(("obj", "pointer", "code"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_names_the_field_and_repeats_no_value(obj: object, pointer: str, code: str) -> None:
    with pytest.raises(EventError) as caught:
        parse_event(obj)
    assert (caught.value.pointer, caught.value.code) == (pointer, code)
    assert not any(word in str(caught.value) for word in ("example.org", "moon_landed", "Acme", "purple"))


@pytest.mark.parametrize("raw", [b"", b"{", b'{"type": "purchase", "x": "\xff"}', b"null"])
def test_bytes_that_are_no_event_are_refused(raw: bytes) -> None:
    with pytest.raises(EventError):
        decode_event(raw)


def test_an_unknown_field_that_could_be_an_address_is_not_named() -> None:
    with pytest.raises(EventError) as caught:
        parse_event(event("purchase") | {"jane@example.org": 1})
    assert "jane" not in caught.value.pointer + str(caught.value)


@pytest.mark.parametrize(("now_ms", "fine"), [(1795425300122, False), (1795425300123, True)])
def test_a_time_in_the_future_is_refused(now_ms: int, *, fine: bool) -> None:
    parsed = parse_event(event("purchase"))
    if fine:
        check_times(parsed, now_ms)
        return
    with pytest.raises(EventError, match="future"):
        check_times(parsed, now_ms)


def test_a_time_before_1990_is_refused() -> None:
    with pytest.raises(EventError, match="1990"):
        check_times(parse_event(event("purchase", occurred_at="1989-12-31T23:59:59Z")), 2_000_000_000_000)


def test_a_change_of_address_concerns_both_chains_and_each_names_the_other() -> None:
    parsed = parse_event(event("address_changed"))
    assert [(p.value, p.role) for p in participants(parsed)] == [
        ("jane@example.org", "old"),
        ("john@example.org", "new"),
    ]
    assert record_body(parsed, "old", ID)["counterpart"] == ID


def test_other_addresses_of_the_same_act_get_an_entry_each() -> None:
    parsed = parse_event(event("purchase", other_addresses=[JOHN]))
    assert [p.role for p in participants(parsed)] == ["address", "other"]


def test_senders_have_chains_and_the_ledger_has_one_of_its_own() -> None:
    transfer = parse_event(event("business_transferred"))
    assert [(p.kind, p.value) for p in participants(transfer)] == [("sender", "old"), ("sender", "new")]
    rulebook = parse_event(event("rulebook_published", sender=None))
    assert [(p.kind, p.value) for p in participants(rulebook)] == [("sender", "ledger")]


def test_who_hands_in_the_proof_has_documented_the_consent() -> None:
    assert "evidence_grade" not in body_of(event("consent_granted"))
    assert body_of(event("consent_granted", evidence={"ip": "x"}))["evidence_grade"] == "documented"
    assert body_of(event("consent_granted", form=ID, box="news"))["evidence_grade"] == "documented"


def test_what_was_taken_over_is_marked_as_such() -> None:
    assert recorded_from_body(body_of(event("consent_granted", source="import-2026"))).imported


BAD_BODIES: dict[str, dict[str, Any]] = {
    "an address": {"address": JANE},
    "an id of the caller": {"source_event_id": "x"},
    "a time to the second": {"occurred_at": "2026-01-01T00:00:00Z"},
    "an unknown role": {"role": "boss"},
    "a short counterpart": {"counterpart": "ab"},
    "a mark that is no boolean": {"imported": 1},
    "an unknown field": {"colour": "purple"},
    "a role of another type": {"role": "new", "counterpart": ID},
    "a counterpart without a role": {"counterpart": ID},
    "a time without its T": {"occurred_at": "2026-01-01 00:00:00.000Z"},
}


@pytest.mark.parametrize("change", BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_body_that_was_never_written_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(EventError):
        recorded_from_body(body_of(event("purchase")) | change)


@pytest.mark.parametrize("change", [{"role": None}, {"role": "other"}, {"to": JANE}], ids=str)
def test_a_recorded_move_says_which_side_it_is_of_and_no_address(change: dict[str, Any]) -> None:
    body = record_body(parse_event(event("address_changed")), "new", ID)
    with pytest.raises(EventError):
        recorded_from_body(body | change)


FORM: dict[str, Any] = {
    "language": "en",
    "title": "Sign up",
    "text": "Tell me about new shoes.",
    "collector": "acme",
    "boxes": [
        {
            "name": "news",
            "label": "Newsletter",
            "default": "unticked",
            "categories": ["newsletter"],
            "channels": ["email"],
        }
    ],
}


def test_a_form_is_named_by_the_hash_of_its_canonical_bytes() -> None:
    turned = dict(reversed(FORM.items()))
    assert form_id(parse_form(FORM)) == form_id(parse_form(turned))
    assert form_bytes(parse_form(FORM)).startswith(b'{"boxes":[{')


BAD_FORMS: dict[str, dict[str, Any]] = {
    "no text": {"text": ""},
    "an unknown field": {"x": 1},
    "a default that is none": {"boxes": [FORM["boxes"][0] | {"default": "maybe"}]},
    "two boxes of one name": {"boxes": FORM["boxes"] * 2},
}


@pytest.mark.parametrize("change", BAD_FORMS.values(), ids=BAD_FORMS)
def test_a_form_that_does_not_say_what_was_shown_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(FormError):
        parse_form(FORM | change)
