"""The rulebook over HTTP: published, read back, tried before; a bad one is refused and changes nothing."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.http_service import JANE, Service, grant, question, withdrawal

JSON = {"content-type": "application/json"}
OWN: dict[str, Any] = {
    "schema": 1,
    "label": "autumn",
    "default_jurisdiction": "NL",
    "senders": {"acme": {"country": "NL"}},
    "categories": {"marketing": {}, "newsletter": {"parent": "marketing", "product": "shoes"}},
    "products": ["shoes", "socks"],
    "similar_products": [["shoes", "socks"]],
}
STRICT = OWN | {"label": "strict", "parameters": [{"name": "consent.max_idle_months", "value": 1}]}


def own(**changes: object) -> bytes:
    return json.dumps(OWN | changes).encode()


def figure(name: str = "consent.max_idle_months", **fields: object) -> dict[str, object]:
    return {"name": name, "value": 12} | fields


def months_ago(count: int) -> str:
    return (datetime.now(UTC) - timedelta(days=31 * count)).isoformat()


# What is wrong with it: the body, the status, and code and pointer of the refusal where there is one.
BAD: dict[str, tuple[bytes, int, str | None, str | None]] = {
    "nothing at all": (b"", 400, None, None),
    "a list": (b"[]", 400, "type", ""),
    "a number": (b"7", 400, "type", ""),
    "cut off": (own()[:-3], 400, None, None),
    "a key twice": (b'{"schema": 1, "schema": 1}', 400, None, None),
    "a category twice": (b'{"schema": 1, "categories": {"a": {}, "a": {}}}', 400, None, None),
    "deep nesting": (b'{"categories":' * 5000 + b"1" + b"}" * 5000, 400, None, None),
    "another schema": (own(schema=2), 400, "value", "/schema"),
    "an unknown field": (own(colour="red"), 400, "unknown_field", "/colour"),
    "an unknown field of a sender": (
        own(senders={"acme": {"country": "NL", "mood": 1}}),
        400,
        "unknown_field",
        "/senders/acme/mood",
    ),
    "a sender without its country": (own(senders={"acme": {}}), 400, "missing", "/senders/acme/country"),
    "a number for a label": (own(label=5), 400, "type", "/label"),
    "a string for a figure": (own(parameters=[figure(value="12")]), 400, "type", "/parameters/0/value"),
    "a list for the categories": (own(categories=[]), 400, "type", "/categories"),
    "a number for a parent": (own(categories={"a": {"parent": 5}}), 400, "type", "/categories/a/parent"),
    "an address for a sender": (
        own(senders={"jane.canary@x.nl": {"country": "NL"}}),
        400,
        "value",
        "/senders/*",
    ),
    "an unknown category in the similarity map": (
        own(similar_products=[["shoes", "hats"]]),
        422,
        "unknown_category",
        "/similar_products/0/1",
    ),
    "an unknown product of a category": (
        own(categories={"newsletter": {"product": "hats"}}),
        422,
        "unknown_product",
        "/categories/newsletter/product",
    ),
    "an unknown parent": (
        own(categories={"newsletter": {"parent": "x"}}),
        422,
        "unknown_category",
        "/categories/newsletter/parent",
    ),
    "a cyclic hierarchy": (
        own(categories={"a": {"parent": "b"}, "b": {"parent": "c"}, "c": {"parent": "a"}}),
        422,
        "cycle",
        "/categories/a/parent",
    ),
    "a category that is its own parent": (
        own(categories={"a": {"parent": "a"}}),
        422,
        "cycle",
        "/categories/a/parent",
    ),
    "overlapping dates": (
        own(parameters=[figure(valid_to="2026-06-30"), figure(valid_from="2026-06-30")]),
        422,
        "overlap",
        "/parameters/1",
    ),
    "dates in the wrong order": (
        own(parameters=[figure(valid_from="2026-02-02", valid_to="2026-02-01")]),
        422,
        "order",
        "/parameters/0/valid_to",
    ),
    "a day that does not exist": (
        own(parameters=[figure(valid_from="2026-02-30")]),
        422,
        "not_a_date",
        "/parameters/0/valid_from",
    ),
    "a figure of the law": (
        own(parameters=[figure("ca.purchase_months", value=36)]),
        422,
        "statutory",
        "/parameters/0/value",
    ),
    "a figure no pack knows": (
        own(parameters=[figure("nl.mood")]),
        422,
        "unknown_parameter",
        "/parameters/0/name",
    ),
    "a figure out of its range": (
        own(parameters=[figure(value=10_000)]),
        422,
        "range",
        "/parameters/0/value",
    ),
    "an unknown sender": (own(senders={"evil": {"country": "NL"}}), 422, "unknown_sender", "/senders/evil"),
    "an unknown sender of a category": (
        own(categories={"newsletter": {"senders": ["evil"]}}),
        422,
        "unknown_sender",
        "/categories/newsletter/senders/0",
    ),
    "an unknown pack": (own(packs={"NL": "0" * 64}), 422, "unknown_pack", "/packs/NL"),
    "a pack named by no hash": (own(packs={"NL": "latest"}), 400, "value", "/packs/NL"),
    "no law for the default": (
        own(default_jurisdiction="ZZ"),
        422,
        "unknown_pack",
        "/default_jurisdiction",
    ),
    "a holiday that does not exist": (
        own(holidays={"NL": ["2026-02-30"]}),
        422,
        "not_a_date",
        "/holidays/NL/0",
    ),
    "two megabytes": (own(label="x" * 2_000_000), 413, None, None),
    "ten megabytes": (own(label="x" * 10_000_000), 413, None, None),
}


@pytest.mark.parametrize("path", ["/v1/rulebook", "/v1/rulebook/dry-run"])
async def test_every_bad_rulebook_is_refused_with_place_and_reason_and_the_one_in_force_stays(
    service: Service, path: str
) -> None:
    before = (await service.client.get("/v1/rulebook")).json()
    dry = path.endswith("dry-run")
    for name, (body, status, code, pointer) in BAD.items():
        sent = b'{"rulebook":' + body + b"}" if dry and code is not None else body
        response = await service.client.request("POST" if dry else "PUT", path, content=sent, headers=JSON)
        problem = response.json()
        # Alone, a body of two megabytes is within the limit of a dry run, which may carry questions too.
        assert response.status_code in {status, 400 if dry and status == 413 else status}, (name, problem)
        assert response.headers["content-type"] == "application/problem+json", name
        assert "jane.canary" not in response.text
        if code is not None:
            place = f"/rulebook{pointer}" if dry else pointer
            error = problem["errors"][0] if problem.get("errors") else {"pointer": "", "code": code}
            assert (error["code"], error["pointer"]) == (code, place), (name, problem)
    assert (await service.client.get("/v1/rulebook")).json() == before
    assert len((await service.client.get("/v1/rulebooks")).json()["items"]) == 1


async def test_the_refusal_of_a_figure_of_the_law_says_which_and_where_it_stands(service: Service) -> None:
    body = own(parameters=[figure("ca.purchase_months", value=36)])
    (error,) = (await service.client.put("/v1/rulebook", content=body, headers=JSON)).json()["errors"]
    assert error["message"].startswith("ca.purchase_months is the law's own figure (CASL 10(10)")


async def test_a_published_rulebook_decides_and_the_old_one_can_still_be_read(service: Service) -> None:
    old = (await service.client.get("/v1/rulebook")).json()
    published = (await service.client.put("/v1/rulebook", json=OWN)).json()
    now = (await service.client.get("/v1/rulebook")).json()
    assert now["id"] == published["id"] != old["id"]
    assert now["rulebook"]["label"] == "autumn"
    assert (await service.client.get(f"/v1/rulebook/{old['id']}")).json() == old
    response = await service.client.post("/v1/checks", json=question(category="gossip"))
    assert response.json()["errors"][0]["code"] == "unknown_category"


async def test_every_publication_is_listed_with_its_place_and_time(service: Service) -> None:
    first = (await service.client.put("/v1/rulebook", json=OWN)).json()["id"]
    second = (await service.client.put("/v1/rulebook", json=STRICT)).json()["id"]
    await service.client.put("/v1/rulebook", json=OWN)
    items = (await service.client.get("/v1/rulebooks")).json()["items"]
    assert [item["id"] for item in items[1:]] == [first, second, first]
    assert [item["label"] for item in items] == ["default", "autumn", "strict", "autumn"]
    assert [item["in_force"] for item in items] == [False, False, False, True]
    assert sorted(item["index"] for item in items) == [item["index"] for item in items]
    assert all(item["published_at"].endswith("Z") for item in items)


async def dry_run(service: Service, **body: object) -> dict[str, Any]:
    response = await service.client.post("/v1/rulebook/dry-run", json=body)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def brief(found: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [
        (change["old"]["reason_code"], change["new"]["reason_code"], change["count"])
        for change in found["changes"]
    ]


async def test_a_dry_run_finds_the_answers_that_would_change_and_publishes_nothing(service: Service) -> None:
    for number in range(3):
        address = {"kind": "email", "value": f"reader{number}@example.org"}
        await service.record(grant(f"g{number}", address=address, occurred_at=months_ago(3)))
    await service.record(grant("left", address=JANE))
    await service.record(withdrawal("gone", address=JANE))
    before = (await service.client.get("/v1/rulebook")).json()["id"]
    found = await dry_run(service, rulebook=STRICT)
    assert brief(found) == [("CONSENT", "CONSENT_STALE", 3)]
    assert (found["complete"], found["changed"], found["rulebook_in_force"]) == (True, 3, before)
    assert found["subjects"] == found["subjects_looked_at"] == 6  # four people, Acme, and the ledger itself
    assert (await service.client.get("/v1/rulebook")).json()["id"] == before
    published = (await service.client.put("/v1/rulebook", json=STRICT)).json()
    assert published["id"] == found["rulebook_tried"]
    assert (await dry_run(service, rulebook=STRICT))["changed"] == 0


async def test_a_dry_run_names_subjects_by_their_key_and_no_address(service: Service) -> None:
    await service.record(grant(occurred_at=months_ago(3)))
    response = await service.client.post("/v1/rulebook/dry-run", json={"rulebook": STRICT})
    (sample,) = response.json()["changes"][0]["sample"]
    assert set(sample) == {"subject_key", "sender", "category", "channel"}
    assert len(sample["subject_key"]) == 64
    assert "canary" not in response.text


async def test_a_dry_run_over_given_questions_says_which_of_them_change(service: Service) -> None:
    await service.record(grant(occurred_at=months_ago(3)))
    nobody = {"kind": "email", "value": "nobody@example.org"}
    asked = [question(address=nobody), question(), question(category="gossip")]
    found = await dry_run(service, rulebook=STRICT, questions=asked)
    assert found["questions"] == 3
    changed = {change["sample"][0]["question"]: change["new"] for change in found["changes"]}
    assert changed == {
        1: {"decision": "deny", "reason_code": "CONSENT_STALE"},
        2: {"decision": "none", "reason_code": "unknown_category"},
    }


async def test_a_dry_run_about_another_time_sees_figures_that_begin_later(service: Service) -> None:
    now = datetime.now(UTC)
    begins = (now + timedelta(days=50)).date().isoformat()
    later = STRICT | {"parameters": [figure(value=1, valid_from=begins)]}
    await service.record(grant(occurred_at=now.isoformat()))
    assert (await dry_run(service, rulebook=later))["changed"] == 0
    found = await dry_run(service, rulebook=later, at=(now + timedelta(days=60)).isoformat())
    assert brief(found) == [("CONSENT", "CONSENT_STALE", 1)]


async def test_a_dry_run_that_looks_at_a_part_says_so(service: Service) -> None:
    for number in range(5):
        await service.record(
            grant(f"g{number}", address={"kind": "email", "value": f"r{number}@example.org"})
        )
    found = await dry_run(service, rulebook=STRICT, limit=2)
    assert (found["subjects_looked_at"], found["subjects"], found["complete"]) == (2, 7, False)


async def test_an_optout_follows_the_person_in_a_dry_run_too(service: Service) -> None:
    new = {"kind": "email", "value": "jane.new@example.org"}
    await service.record(grant())
    await service.record(withdrawal())
    await service.record(
        {
            "type": "address_changed",
            "source_event_id": "moved",
            "occurred_at": "2026-03-01T00:00:00Z",
            "from": JANE,
            "to": new,
            "by": "recipient",
            "verified": True,
        }
    )
    await service.record(grant("again", address=new, occurred_at="2026-01-05T00:00:00Z"))
    assert (await dry_run(service, rulebook=STRICT))["changed"] == 0


BAD_RUNS: dict[str, tuple[dict[str, object], int, str]] = {
    "no rulebook": ({}, 400, "/rulebook"),
    "an unknown field": ({"rulebook": OWN, "publish": True}, 400, "/publish"),
    "no questions at all": ({"rulebook": OWN, "questions": []}, 400, "/questions"),
    "a question of no address": (
        {"rulebook": OWN, "questions": [question(address=None)]},
        400,
        "/questions/0/address",
    ),
    "a question about another time": (
        {"rulebook": OWN, "questions": [question(at="2026-01-01T00:00:00Z")]},
        400,
        "/questions/0/at",
    ),
    "a question of an unknown sender": (
        {"rulebook": OWN, "questions": [question(), question(sender="evil")]},
        422,
        "/questions/1/sender",
    ),
    "a time in the past": ({"rulebook": OWN, "at": "2020-01-01T00:00:00Z"}, 422, "/at"),
    "a limit of nothing": ({"rulebook": OWN, "limit": 0}, 400, "/limit"),
    "a channel that is none": ({"rulebook": OWN, "channels": ["pigeon"]}, 400, "/channels/0"),
}


@pytest.mark.parametrize(("body", "status", "pointer"), BAD_RUNS.values(), ids=BAD_RUNS)
async def test_a_dry_run_that_is_not_understood_says_where(
    service: Service, body: dict[str, object], status: int, pointer: str
) -> None:
    response = await service.client.post("/v1/rulebook/dry-run", json=body)
    assert response.status_code == status, response.text
    assert response.json()["errors"][0]["pointer"] == pointer


async def test_trying_takes_the_scope_of_publishing(service: Service) -> None:
    key = await service.key("record:read", "check:read")
    response = await service.client.post("/v1/rulebook/dry-run", json={"rulebook": OWN}, headers=key)
    assert response.status_code == 403
