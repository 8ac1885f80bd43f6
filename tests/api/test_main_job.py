"""The main job: record, ask, prove."""

import json
from typing import Any

import pytest

from service.core.verifier import verify_bundle
from tests.support.http_service import JANE, Service, grant, question, withdrawal

FORM = {
    "language": "en",
    "title": "Newsletter",
    "text": "Yes, Acme may mail me its newsletter.",
    "boxes": [
        {
            "name": "newsletter",
            "label": "Send me the newsletter",
            "default": "unticked",
            "categories": ["newsletter"],
            "channels": ["email"],
            "senders": ["acme"],
        }
    ],
}


def ticked(form: str, event_id: str = "tick-1") -> dict[str, Any]:
    event = grant(event_id, form=form, box="newsletter", method="ticked")
    return {name: value for name, value in event.items() if name != "checkbox_default"}


async def test_an_unknown_address_gets_a_no(service: Service) -> None:
    answer = await service.check()
    assert (answer["decision"], answer["reason_code"], answer["events"]) == ("deny", "NO_BASIS", [])


async def test_a_consent_allows_and_is_named_as_the_reason(service: Service) -> None:
    receipt = (await service.record(grant())).json()
    answer = await service.check(min_position=receipt["position"])
    assert (answer["decision"], answer["reason_code"]) == ("allow", "CONSENT")
    assert answer["events"] == [receipt["index"]]


async def test_a_withdrawal_denies_from_its_receipt_on(service: Service) -> None:
    await service.record(grant())
    await service.record(withdrawal())
    assert (await service.check())["reason_code"] == "WITHDRAWN"


async def test_an_older_grant_that_arrives_late_lifts_nothing(service: Service) -> None:
    await service.record(withdrawal())
    await service.record(grant(source="import-2019"))
    assert (await service.check())["decision"] == "deny"


async def test_a_purchase_lifts_no_withdrawal(service: Service) -> None:
    await service.record(withdrawal())
    sale = {"type": "purchase", "source_event_id": "p1", "occurred_at": "2026-03-01T00:00:00Z"}
    offered = {"seller": "acme", "product_category": "shoes", "optout_offered": True, "notice_given": True}
    assert (await service.record({**sale, **offered, "address": JANE})).status_code == 201
    assert (await service.check(product_category="shoes"))["reason_code"] == "WITHDRAWN"


async def test_the_boxs_default_comes_from_the_form_not_from_the_caller(service: Service) -> None:
    box = {**FORM["boxes"][0], "default": "ticked"}  # type: ignore[dict-item]  # a literal of mixed types
    form = (await service.client.post("/v1/forms", json={**FORM, "boxes": [box]})).json()["id"]
    await service.record({**ticked(form), "checkbox_default": "unticked"})
    assert (await service.check())["reason_code"] == "CONSENT_NOT_ACTIVE"


async def test_the_same_event_again_gets_the_first_receipt(service: Service) -> None:
    first = await service.record(grant())
    again = await service.record(grant())
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {**first.json(), "replayed": True}


async def test_the_same_id_with_another_event_is_a_conflict_and_writes_nothing(service: Service) -> None:
    await service.record(grant())
    conflict = await service.record(withdrawal("grant-1"))
    assert conflict.status_code == 409
    assert (await service.check())["decision"] == "allow"


async def test_the_token_says_what_the_answer_says(service: Service) -> None:
    await service.record(grant())
    answer = await service.check(proof="token")
    assert answer["token"].count(".") == 2


@pytest.mark.parametrize("events", [[], [grant()], [grant(), withdrawal()]], ids=["never seen", "yes", "no"])
async def test_every_answer_verifies_offline(service: Service, events: list[dict[str, Any]]) -> None:
    for event in events:
        await service.record(event)
    bundle = (await service.client.post("/v1/proofs", json=question(disclose=True))).content
    verdict = verify_bundle(bundle)
    assert verdict.verified, verdict
    assert verdict.answer is not None
    assert verdict.answer.decision == (await service.check())["decision"]


async def test_the_bundle_shows_the_form_as_it_was_shown(service: Service) -> None:
    form = (await service.client.post("/v1/forms", json=FORM)).json()["id"]
    await service.record(ticked(form))
    bundle = (await service.client.post("/v1/proofs", json=question())).json()
    assert json.loads(bundle["documents"][form])["text"] == FORM["text"]


async def test_an_address_alone_can_be_proved(service: Service) -> None:
    await service.record(grant())
    bundle = (await service.client.post("/v1/proofs", json={"address": JANE, "disclose": True})).content
    assert verify_bundle(bundle).verified


async def test_what_was_known_then_is_answered_as_then(service: Service) -> None:
    recorded = (await service.record(grant())).json()["recorded_at"]
    await service.record(withdrawal())
    assert (await service.check(known_at=recorded))["decision"] in {"allow", "deny"}
    assert (await service.check(at="2026-02-01T00:00:00Z"))["decision"] == "allow"
    assert (await service.check(at="2026-02-20T00:00:00Z"))["decision"] == "deny"
