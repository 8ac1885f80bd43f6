"""Rows of an old list over HTTP: worth what they show, recorded where that is asked for, and once."""

import json
from typing import Any

import pytest

from tests.support.http_service import Service, question, withdrawal

NDJSON = {"content-type": "application/x-ndjson"}
ABOUT: dict[str, Any] = {
    "sender": "acme",
    "categories": ["newsletter"],
    "timezone": "UTC",
    "exported_at": "2026-11-01T09:00:00Z",
}
ROWS: list[dict[str, Any]] = [
    {
        "email": "ann@example.org",
        "status": "subscribed",
        "opted_in_at": "2026-05-01 10:15:00",
        "opted_in_ip": "192.0.2.7",
    },
    {"email": "bob@example.org", "status": "subscribed", "vip": True, "visits": 3, "note": None},
    {"email": "eve@example.org", "status": "unsubscribed"},
    {"email": "broken"},
    {"email": "dan@example.org", "status": "cleaned"},
]
GRADES = ["B", "D", "no", None, "bounced"]


async def imported(service: Service, rows: list[Any] = ROWS, **about: object) -> dict[str, Any]:
    body = {"about": {**ABOUT, **about}, "rows": rows}
    response = await service.client.post("/v1/imports", json=body)
    assert response.status_code == 207, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def streamed(service: Service, *lines: object) -> list[dict[str, Any]]:
    body = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    response = await service.client.post("/v1/imports", content=body, headers=NDJSON)
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.splitlines()]


async def answer(service: Service, name: str) -> str:
    asked = question(address={"kind": "email", "value": f"{name}@example.org"})
    return str((await service.client.post("/v1/checks", json=asked)).json()["reason_code"])


async def test_a_list_is_tried_recorded_and_known(service: Service) -> None:
    tried = await imported(service)
    assert [item.get("grade") for item in tried["items"]] == GRADES
    assert (tried["summary"]["committed"], await answer(service, "eve")) == (False, "NO_BASIS")
    done = await imported(service, commit=True)
    assert [item["status"] for item in done["items"]] == [201, 201, 201, 422, 201]
    assert done["items"][3]["problem"]["detail"] == "an e-mail address has an @"
    assert done["summary"] == {
        "rows": 5,
        "grades": {"A": 0, "B": 1, "C": 0, "D": 1, "no": 1, "bounced": 1},
        "refused": 1,
        "recorded": 4,
        "known": 0,
        "committed": True,
    }
    again = await imported(service, [{**row, "another column": "x"} for row in ROWS], commit=True)
    assert [item["status"] for item in again["items"]] == [200, 200, 200, 422, 200]
    assert (again["summary"]["recorded"], again["summary"]["known"]) == (0, 4)
    found = {name: await answer(service, name) for name in ("ann", "bob", "eve", "dan")}
    assert found == {
        "ann": "CONSENT_UNPROVEN",
        "bob": "CONSENT_UNPROVEN",
        "eve": "WITHDRAWN",
        "dan": "ADDRESS_REPLACED",
    }


async def test_a_published_form_makes_a_consent_and_lifts_no_no(service: Service) -> None:
    form = {
        "language": "en",
        "title": "Newsletter",
        "collector": "acme",
        "text": "Yes, send me the Acme newsletter.",
        "boxes": [
            {
                "name": "news",
                "label": "News",
                "default": "unticked",
                "categories": ["newsletter"],
                "channels": ["email"],
                "senders": ["acme"],
            }
        ],
    }
    digest = (await service.client.post("/v1/forms", json=form)).json()["id"]
    left = {"kind": "email", "value": "left@example.org"}
    await service.record(withdrawal("left", address=left))
    rows = [{**ROWS[0], "email": f"{name}@example.org"} for name in ("ann", "left")]
    done = await imported(service, rows, form=digest, box="news", commit=True)
    assert [item["grade"] for item in done["items"]] == ["A", "A"]
    assert (await answer(service, "ann"), await answer(service, "left")) == ("CONSENT", "WITHDRAWN")


async def test_lines_without_end_are_answered_in_their_order(service: Service) -> None:
    rows = [{"Mail": f"p{number}@example.org", "Opt-out": number % 2} for number in range(600)]
    rows[300] = {"Mail": "", "Opt-out": 0}
    about = {**ABOUT, "commit": True, "columns": {"address": "Mail"}}
    *items, last = await streamed(service, {"about": about}, *rows[:299], "{", *rows[300:])
    assert [item["line"] for item in items] == list(range(1, 601))
    assert [item["line"] for item in items if item["status"] != 201] == [300, 301]
    assert (
        last["summary"]["grades"]["no"] + last["summary"]["grades"]["D"] == last["summary"]["recorded"] == 598
    )


async def test_a_preset_and_words_of_ones_own_are_understood(service: Service) -> None:
    row = {
        "uuid": "a",
        "email": "a@example.org",
        "status": "blocklisted",
        "created_at": "2021-05-01 10:00:00 +0000 UTC",
    }
    assert (await imported(service, [row], preset="listmonk"))["items"][0]["grade"] == "no"
    row = {"email": "a@example.org", "status": "weg"}
    assert (await imported(service, [row], status={"Weg": "unsubscribed"}))["items"][0]["grade"] == "no"
    row = {"phone": "+31612345678"}
    told = await imported(service, [row], channels=["sms"], rows_are="unsubscribed")
    assert told["items"][0]["grade"] == "no"


async def test_a_no_counts_where_it_is_the_first_to_have_its_column(service: Service) -> None:
    rows: list[dict[str, Any]] = [{"email": f"late-{number}@example.org"} for number in range(300)]
    rows.append({"email": "late-no@example.org", "opt_out": True})
    told = await imported(service, rows)
    *streamed_items, _ = await streamed(service, {"about": ABOUT}, *rows)
    assert told["items"][300]["grade"] == streamed_items[300]["grade"] == "no"


@pytest.mark.parametrize(
    ("about", "rows", "status", "pointer"),
    [
        ({"sender": None}, ROWS, 400, "/about/sender"),
        ({"categories": []}, ROWS, 400, "/about/categories"),
        ({"channels": ["email", "sms"]}, ROWS, 400, "/about/channels"),
        ({"timezone": "Middle/Earth"}, ROWS, 422, ""),
        ({"columns": {"adres": "x"}}, ROWS, 400, ""),
        ({"exported_at": "2026-11-01T09:00:00"}, ROWS, 400, "/about/exported_at"),
        ({"wrong": 1}, ROWS, 400, "/about/wrong"),
        ({}, [{"who": "x"}], 422, ""),
        ({}, [{"email": {"deep": 1}}], 400, "/rows/0"),
        ({}, [], 400, "/rows"),
        ({}, [{}] * 1_001, 413, ""),
    ],
)
async def test_what_cannot_be_an_import_is_refused_as_a_whole(
    service: Service, about: dict[str, Any], rows: list[Any], status: int, pointer: str
) -> None:
    response = await service.client.post("/v1/imports", json={"about": {**ABOUT, **about}, "rows": rows})
    assert response.status_code == status, response.text
    errors = response.json().get("errors", [])
    assert not pointer or errors[0]["pointer"].startswith(pointer)


@pytest.mark.parametrize("first", ["", "{", "[]", '{"email": "a@example.org"}', '{"about": 1}'])
async def test_a_stream_begins_with_what_it_is_about(service: Service, first: str) -> None:
    response = await service.client.post("/v1/imports", content=f"{first}\n{{}}\n", headers=NDJSON)
    assert response.status_code == 400, response.text


async def test_a_no_needs_no_right_to_record_and_each_other_row_does(service: Service) -> None:
    left = {**ROWS[0], "email": "tom@example.org", "unsubscribed_at": "2026-06-01 09:00:00", "status": ""}
    rows = [*ROWS, left]
    headers = await service.key("check:read")
    recorded = []
    for commit in (False, True):
        body = {"about": {**ABOUT, "commit": commit}, "rows": rows}
        response = await service.client.post("/v1/imports", json=body, headers=headers)
        assert response.status_code == 207, response.text
        items = response.json()["items"]
        taken = 201 if commit else 200
        assert [item["status"] for item in items] == [403, 403, taken, 422, 403, taken]
        assert items[0]["problem"]["detail"] == "the credential lacks record:write"
        assert items[5]["events"] == ["consent_withdrawn"]
        recorded.append(response.json()["summary"]["recorded"])
    assert (recorded, await answer(service, "eve")) == ([0, 2], "WITHDRAWN")
    again = await imported(service, rows, commit=True)
    assert (again["summary"]["recorded"], again["summary"]["known"]) == (4, 2)


async def test_it_needs_a_live_credential(service: Service) -> None:
    headers = {"authorization": "Bearer clk_none"}
    response = await service.client.post("/v1/imports", json={"about": ABOUT, "rows": ROWS}, headers=headers)
    assert response.status_code == 401
