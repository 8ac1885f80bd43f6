"""Any single answer of a campaign can be proved later: offline, as it was answered, and as no other line."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from service.core.bundle import parse_bundle, sign_bundle
from service.core.merkle import hash_leaf
from service.core.verdict import Verdict
from service.core.verifier import verify_bundle
from tests.support.campaigns import campaign, line
from tests.support.edits import as_campaign
from tests.support.http_service import JANE, Service, grant, question, withdrawal
from tests.support.reproving import reprove

Edit = Callable[[dict[str, Any], dict[str, Any]], None]
LEFT = line("left@example.org")["address"]


async def people(service: Service) -> None:
    """Jane agreed; another agreed and left."""
    await service.record(grant())
    await service.record(grant("g2", address=LEFT))
    await service.record(withdrawal("w2", address=LEFT))


async def prove(service: Service, campaign_id: str, number: int, **asked: Any) -> bytes:  # noqa: ANN401 - fields
    body = {"campaign": campaign_id, "line": number, "disclose": True, **asked}
    answered = await service.client.post("/v1/proofs", json=body)
    assert answered.status_code == 200, answered.text
    return answered.content


def found(verdict: Verdict) -> Mapping[str, str]:
    return {check.name: check.outcome for check in verdict.checks}


async def resigned(service: Service, bundle: dict[str, Any]) -> bytes:
    """What a dishonest operator could make of it: proved and signed anew with the log's own key."""
    (ledger,) = service.composition.services.ledgers.values()
    size = int(bundle["checkpoint"].split("\n")[1])
    async with ledger.proofs._store.snapshot() as snapshot:  # noqa: SLF001 - as the operator reads it
        rows = await snapshot.entries_at(list(range(size)))
    reprove(bundle, [hash_leaf(rows[index].entry) for index in range(size)])
    raw = json.dumps(bundle, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return sign_bundle(parse_bundle(raw), ledger.keys.signer)


async def test_every_line_of_a_campaign_is_proved_as_it_was_answered(service: Service) -> None:
    await people(service)
    asked = [line(JANE["value"]), line("left@example.org"), line("broken"), line("never@example.org")]
    name, answers, summary = await campaign(service, asked)
    for each in (answers[0], answers[1], answers[3]):
        bundle = await prove(service, name, each["line"], address=asked[each["line"] - 1]["address"])
        verdict = verify_bundle(bundle)
        assert verdict.verified, verdict
        assert found(verdict)["campaign"] == "passed"
        assert verdict.answer is not None
        assert (verdict.answer.decision, verdict.answer.reason_code, verdict.answer.evaluated_at) == (
            each["decision"],
            each["reason_code"],
            each["evaluated_at"],
        )
    assert summary["refused"] == 1


async def test_what_came_after_the_campaign_changes_no_proof_of_it(service: Service) -> None:
    await people(service)
    name, answers, _ = await campaign(service, [line(JANE["value"]), line("later@example.org")])
    await service.record(withdrawal())
    await service.record(grant("g3", address=line("later@example.org")["address"]))
    assert (await service.check())["decision"] == "deny"
    for number, address, decision in ((1, JANE, "allow"), (2, line("later@example.org")["address"], "deny")):
        verdict = verify_bundle(await prove(service, name, number, address=address))
        assert verdict.verified, verdict
        assert verdict.answer is not None
        assert verdict.answer.decision == decision == answers[number - 1]["decision"]


async def test_a_line_that_asked_otherwise_is_proved_with_what_it_asked(service: Service) -> None:
    await people(service)
    own = {"category": "offers", "message": {"optout": False}}
    name, _, _ = await campaign(service, [line("a@example.org"), line(JANE["value"], **own)])
    verdict = verify_bundle(await prove(service, name, 2, address=JANE, **own))
    assert verdict.verified, verdict


async def test_a_campaign_of_one_line_is_proved(service: Service) -> None:
    name, _, _ = await campaign(service, [line("a@example.org")])
    assert verify_bundle(await prove(service, name, 1, address=line("a@example.org")["address"])).verified


async def test_a_line_of_a_large_campaign_is_proved(service: Service) -> None:
    await people(service)
    lines = [line(f"nobody-{number}@example.org") for number in range(70_000)]
    lines[66_000] = line(JANE["value"])
    name, answers, summary = await campaign(service, lines)
    assert summary["allowed"] == 1
    for number in (1, 256, 257, 65_536, 65_537, 66_001, 70_000):
        address = lines[number - 1]["address"]
        verdict = verify_bundle(await prove(service, name, number, address=address))
        assert verdict.verified, (number, verdict)
        assert verdict.answer is not None
        assert verdict.answer.decision == answers[number - 1]["decision"]


@pytest.mark.parametrize(
    ("asked", "status", "pointer"),
    [
        ({"line": 2, "address": JANE}, 422, "/line"),
        ({"line": 1, "address": JANE, "category": "offers"}, 422, "/line"),
        ({"line": 3, "address": JANE}, 404, None),
        ({"line": 0, "address": JANE}, 400, "/line"),
        ({"address": JANE}, 400, "/line"),
        ({"line": 1, "address": JANE, "campaign": "0" * 32}, 404, None),
        ({"line": 1, "address": JANE, "campaign": "autumn"}, 400, "/campaign"),
        ({"line": 1, "address": JANE, "at": "2026-01-01T00:00:00Z"}, 400, "/at"),
    ],
)
async def test_what_the_campaign_did_not_ask_is_not_proved(
    service: Service, asked: dict[str, Any], status: int, pointer: str | None
) -> None:
    await people(service)
    name, _, _ = await campaign(service, [line(JANE["value"]), line("left@example.org")])
    answered = await service.client.post("/v1/proofs", json={"campaign": name, **asked})
    assert answered.status_code == status, answered.text
    if pointer is not None:
        assert answered.json()["errors"][0]["pointer"] == pointer


async def test_a_check_is_no_line(service: Service) -> None:
    answered = await service.client.post("/v1/checks", json=question(campaign="0" * 32, line=1))
    assert answered.status_code == 400


def _set(name: str, value: object) -> Edit:
    def edit(bundle: dict[str, Any], _other: dict[str, Any]) -> None:
        bundle["campaign"][name] = value

    return edit


def _borrow(name: str) -> Edit:
    def edit(bundle: dict[str, Any], other: dict[str, Any]) -> None:
        bundle["campaign"][name] = other["campaign"][name]

    return edit


def _ask_otherwise(bundle: dict[str, Any], _other: dict[str, Any]) -> None:
    bundle["question"]["body"]["product_category"] = "shoes"


def _ask_later(bundle: dict[str, Any], _other: dict[str, Any]) -> None:
    bundle["question"]["at_ms"] += 1


def _turn_round(bundle: dict[str, Any], _other: dict[str, Any]) -> None:
    bundle["decision"]["decision"] = "deny"


def _newest_epoch(bundle: dict[str, Any], _other: dict[str, Any]) -> None:
    size = int(bundle["checkpoint"].split("\n")[1])
    bundle["campaign"]["epoch"] = {"index": size - 1, "entry": bundle["epoch"]}


FORGERIES: dict[str, Edit] = {
    "another line": _set("line", 2),
    "a line beyond the end": _set("line", 2**40),
    "the path of another line": _borrow("proof"),
    "no path": _set("proof", ""),
    "the event of another campaign": _borrow("event"),
    "the state of another campaign": _borrow("epoch"),
    "the newest state": _newest_epoch,
    "the event of a person": lambda bundle, _other: as_campaign(bundle),
    "another question": _ask_otherwise,
    "another time": _ask_later,
    "the answer turned round": _turn_round,
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forged_line_is_refused_though_the_log_signed_it(service: Service, name: str) -> None:
    await people(service)
    lines = [line(JANE["value"]), line("a@example.org"), line("b@example.org")]
    first, _, _ = await campaign(service, lines)
    await service.record(grant("between", address=line("between@example.org")["address"]))
    second, _, _ = await campaign(service, [line("c@example.org"), line(JANE["value"])])
    bundle = json.loads(await prove(service, first, 1, address=JANE))
    other = json.loads(await prove(service, second, 2, address=JANE))
    assert verify_bundle(await resigned(service, bundle)).verified
    FORGERIES[name](bundle, other)
    verdict = verify_bundle(await resigned(service, bundle))
    assert not verdict.verified, name
    assert any(check.number in (7, 8, 9) for check in verdict.checks if check.outcome == "failed")


async def test_a_campaign_makes_no_other_bundle_longer(service: Service) -> None:
    await people(service)
    await campaign(service, [line(JANE["value"])])
    bundle = (await service.client.post("/v1/proofs", json=question())).content
    assert b"campaign_checked" not in bundle
