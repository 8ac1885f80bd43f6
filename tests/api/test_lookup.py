"""`POST /v1/subjects/lookup`: what is held of a person, in words, as data, and proved."""

from typing import Any

import pytest
from httpx import Response

from service.core.verifier import verify_bundle
from tests.support.http_service import JANE, Service, grant, question, withdrawal

LOOKUP = "/v1/subjects/lookup"
NL = {"country": "NL", "kind": "consumer"}
SENT = {
    "type": "message_sent",
    "source_event_id": "sent-1",
    "occurred_at": "2026-01-20T08:00:00Z",
    "sender": "acme",
    "address": JANE,
    "category": "newsletter",
    "channel": "email",
}


async def ask(service: Service, **body: object) -> Response:
    return await service.client.post(LOOKUP, json={"address": JANE, "recipient": NL} | body)


async def found(service: Service, **body: object) -> dict[str, Any]:
    answer = await ask(service, **body)
    assert answer.status_code == 200, answer.text
    file: dict[str, Any] = answer.json()
    return file


async def test_everything_held_of_a_person_is_told_with_the_ground_of_each_message(service: Service) -> None:
    await service.record(grant())
    await service.record(SENT)
    file = await found(service)
    assert [event["type"] for event in file["events"]] == ["consent_granted", "message_sent"]
    assert (
        file["events"][0]["sentence"]
        == "You gave Acme B.V. consent to “newsletter” by e-mail (by a box that was empty)."
    )
    assert file["events"][0]["evidence"] == {"ip": "192.0.2.7"}
    (answer,) = file["answers"]
    assert (answer["decision"], answer["decision_then"]) == ("allow", "allow")
    assert answer["last_sent_at"] == "2026-01-20T08:00:00.000Z"
    assert file["senders"].keys() == {"acme"}
    assert file["letter"]["html"].startswith('<!doctype html><html lang="en">')
    assert "Acme B.V. heeft u een bericht gestuurd" in (await found(service, language="nl"))["letter"]["text"]


async def test_the_mailings_before_which_a_person_was_asked_about_are_told(service: Service) -> None:
    await service.record(grant())
    defaults = {name: value for name, value in question().items() if name != "address"}
    other = {"address": {"kind": "email", "value": "other@example.org"}}
    body = {"defaults": defaults, "checks": [other, {"address": JANE}]}
    mailed = (await service.client.post("/v1/checks/batch", json=body)).json()["summary"]["campaign"]
    await service.record(withdrawal())
    file = await found(service)
    (line,) = file["campaigns"]
    assert (line["campaign"], line["line"], line["decision"]) == (mailed, 2, "allow")
    assert line["explanation"] in file["letter"]["text"]
    proof = {"campaign": mailed, "line": line["line"], "address": JANE}
    proved = await service.client.post("/v1/proofs", json=proof)
    assert verify_bundle(proved.content).verified
    assert "Verzendingen waarvoor is gevraagd" in (await found(service, language="nl"))["letter"]["html"]
    assert (await found(service, address=other["address"]))["campaigns"][0]["decision"] == "deny"


async def test_a_withdrawal_after_a_message_does_not_make_the_message_wrong(service: Service) -> None:
    for event in (grant(), SENT, withdrawal()):
        await service.record(event)
    (answer,) = (await found(service))["answers"]
    assert (answer["decision"], answer["decision_then"]) == ("deny", "allow")


async def test_a_correction_counts_at_once_and_both_are_shown(service: Service) -> None:
    wrong = (await service.record(grant())).json()["index"]
    assert (await service.check())["decision"] == "allow"
    correction = {
        "type": "correction",
        "source_event_id": "fix-1",
        "occurred_at": "2026-03-01T08:00:00Z",
        "address": JANE,
        "corrects": wrong,
        "reason": "It was somebody else's form.",
    }
    assert (await service.record(correction)).status_code == 201
    assert (await service.check())["decision"] == "deny"
    bundle = (await service.client.post("/v1/proofs", json=question(disclose=True))).content
    assert verify_bundle(bundle).verified
    held, fix = (await found(service))["events"]
    assert held["corrected_by"] == fix["index"]
    assert "taken back" in held["sentence"]
    assert fix["event"]["corrects"] == held["index"]
    document = await found(service, format="iso27560")
    (record,) = [node for node in document["@graph"] if node["@type"] == "dpv:ConsentRecord"]
    assert [status["@type"] for status in record["dpv:hasConsentStatus"]][-1] == "dpv:ConsentInvalidated"


async def test_a_no_is_never_taken_back_by_a_correction(service: Service) -> None:
    await service.record(grant())
    no = (await service.record(withdrawal())).json()["index"]
    fix = {"type": "correction", "source_event_id": "fix-2", "occurred_at": "2026-03-01T08:00:00Z"}
    await service.record(fix | {"address": JANE, "corrects": no})
    assert (await service.check())["reason_code"] == "WITHDRAWN"


async def test_the_proof_comes_along_on_request_and_verifies(service: Service) -> None:
    await service.record(grant())
    assert "proof" not in await found(service)
    for form, name in (("full", "proof"), ("iso27560", "cl:proof")):
        file = await found(service, proof=True, format=form)
        assert verify_bundle(file[name].encode()).verified


async def test_json_ld_is_named_as_such_and_the_rest_refused(service: Service) -> None:
    answer = await ask(service, format="iso27560")
    assert answer.headers["content-type"] == "application/ld+json"
    refused = await service.client.post(LOOKUP, json={"address": JANE}, headers={"accept": "text/csv"})
    assert refused.status_code == 406


async def test_a_person_nobody_knows_gets_an_answer_too(service: Service) -> None:
    file = await found(service)
    assert (file["events"], file["answers"]) == ([], [])
    assert "held nothing about this address" in file["letter"]["text"]


@pytest.mark.parametrize(
    "change",
    [{"language": "fr"}, {"format": "pdf"}, {"recipient": {"age": 7}}, {"address": {"kind": "email"}}],
)
async def test_what_is_not_known_is_refused_by_its_field(service: Service, change: dict[str, Any]) -> None:
    refused = await ask(service, **change)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"].startswith("/" + next(iter(change)))
