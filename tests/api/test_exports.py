"""Exports over HTTP: asked for, waited for, fetched with a token that is good for nothing else."""

import asyncio
import json
import time
from dataclasses import replace
from typing import Any

import pytest
from httpx import Response

from service.core.token import decode_base64url, encode_base64url
from service.ledger.exporting.tokens import LIFETIME_MS
from service.wiring.clock import now_ms
from tests.support.exported import audited, verified
from tests.support.http_service import JANE, Service, grant, question

ASKED = {name: value for name, value in question().items() if name != "address"}


async def ready(service: Service, **body: object) -> dict[str, Any]:
    """An export that was prepared by the service itself."""
    answer = await service.client.post("/v1/exports", json=body)
    assert answer.status_code == 202, answer.text
    path = answer.headers["location"]
    deadline = time.monotonic() + 60
    while (found := (await service.client.get(path)).json())["status"] == "preparing":
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)
    assert found["status"] == "ready"
    return dict(found)


async def token_of(service: Service, export: str) -> str:
    answer = await service.client.post(f"/v1/exports/{export}/tokens", json={})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


async def fetch(service: Service, export: str, token: str, **headers: str) -> Response:
    headers = {
        "authorization": f"Bearer {token}",
        **{key.replace("_", "-"): each for key, each in headers.items()},
    }
    return await service.client.get(f"/v1/exports/{export}/content", headers=headers)


async def test_an_address_is_exported_with_its_answer_and_the_file_proves_itself(service: Service) -> None:
    await service.record(grant())
    found = await ready(service, addresses=[JANE], question=ASKED, disclose=True, language="nl")
    got = await fetch(service, found["id"], await token_of(service, found["id"]))
    assert got.status_code == 200
    assert got.headers["content-type"] == "application/zip"
    assert int(got.headers["content-length"]) == found["bytes"] == len(got.content)
    report = verified(got.content)
    assert (report.sound, report.scope) == (True, "addresses")
    listed = (await service.client.get("/v1/exports")).json()["items"]
    assert [each["id"] for each in listed] == [found["id"]]


async def test_a_download_that_was_cut_off_goes_on_at_any_byte(service: Service) -> None:
    found = await ready(service)
    token = await token_of(service, found["id"])
    whole = (await fetch(service, found["id"], token)).content
    assert audited(whole).level == "L3"
    total = len(whole)
    for asked, start, stop in (
        ("bytes=0-", 0, total),
        ("bytes=1000-", 1_000, total),
        ("bytes=500-999", 500, 1_000),
        ("bytes=-100", total - 100, total),
        (f"bytes=7-{total * 2}", 7, total),
    ):
        part = await fetch(service, found["id"], token, range=asked)
        assert part.content == whole[start:stop]
        if (start, stop) != (0, total):
            assert part.status_code == 206
            assert part.headers["content-range"] == f"bytes {start}-{stop - 1}/{total}"
    beyond = await fetch(service, found["id"], token, range=f"bytes={total}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{total}")
    other = await fetch(service, found["id"], token, range="bytes=5-", if_range='"another"')
    assert (other.status_code, other.content) == (200, whole)


async def test_each_token_that_is_used_is_one_event_however_often_it_is(service: Service) -> None:
    found = await ready(service)
    tokens = [await token_of(service, found["id"]) for _ in range(2)]
    for token in (*tokens, *tokens):
        assert (await fetch(service, found["id"], token)).status_code == 200
    heard = (await service.client.get("/v1/events?types=export_downloaded")).json()["items"]
    assert len([each for each in heard if each["type"] == "export_downloaded"]) == 2


async def test_looking_at_it_with_head_records_nothing(service: Service) -> None:
    found = await ready(service)
    token = await token_of(service, found["id"])
    path = f"/v1/exports/{found['id']}/content"
    got = await service.client.head(path, headers={"authorization": f"Bearer {token}"})
    assert (got.status_code, got.headers["content-length"]) == (200, str(found["bytes"]))
    assert (await service.client.get("/v1/events?types=export_downloaded")).json()["items"] == []


async def test_a_token_is_worthless_for_anything_else(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = await ready(service), await ready(service)
    token = await token_of(service, one["id"])
    raw = bytearray(decode_base64url(token.removeprefix("cle_")))
    raw[3] ^= 1
    for export, wrong in (
        (two["id"], token),
        (one["id"], "cle_" + encode_base64url(bytes(raw))),
        (one["id"], token.removeprefix("cle_")),
        (one["id"], ""),
        (one["id"], "cle_"),
        ("0" * 32, token),
        ("nonsense", token),
    ):
        assert (await fetch(service, export, wrong)).status_code == 401
    for path in ("/v1/exports", "/v1/events", "/v1/senders"):
        assert (
            await service.client.get(path, headers={"authorization": f"Bearer {token}"})
        ).status_code == 401
    exports = service.composition.services.ledgers[service.ledger_id].exports
    later = now_ms() + LIFETIME_MS + 1
    parts = replace(exports._parts, clock=lambda: later)  # noqa: SLF001 - time passes
    monkeypatch.setattr(exports, "_parts", parts)
    assert (await fetch(service, one["id"], token)).status_code == 401
    monkeypatch.undo()
    assert (await fetch(service, one["id"], token)).status_code == 200
    key = (await service.key("export:create"))["authorization"].removeprefix("Bearer ")
    assert (await fetch(service, one["id"], key)).status_code == 401


async def test_what_is_asked_for_must_make_sense(service: Service) -> None:
    for body, status in (
        ({"addresses": [{"kind": "email", "value": "nobody"}]}, 422),
        ({"sender": "acme", "campaign": "0" * 32}, 400),
        ({"question": ASKED}, 400),
        ({"sender": "nobody"}, 422),
        ({"campaign": "0" * 32}, 404),
        ({"size": 2}, 404),
        ({"addresses": [JANE], "size": 3}, 400),
        ({"addresses": [JANE], "held_sizes": [3, 1_000_000]}, 422),
        ({"held_sizes": [0]}, 400),
        ({"held_sizes": list(range(1, 34))}, 400),
        ({"everything": True}, 400),
    ):
        answer = await service.client.post("/v1/exports", json=body)
        assert answer.status_code == status, (body, answer.text)
        assert "nobody@" not in answer.text
    assert (await service.client.get("/v1/exports")).json() == {"items": []}


async def test_the_secret_is_only_for_who_may_disclose_it(service: Service) -> None:
    key = await service.key("export:create")
    refused = await service.client.post("/v1/exports", json={"disclose": True}, headers=key)
    assert refused.status_code == 403
    assert "proof:disclose" in json.dumps(refused.json())
    assert (await service.client.post("/v1/exports", json={}, headers=key)).status_code == 202


async def test_what_was_withdrawn_is_gone(service: Service) -> None:
    found = await ready(service)
    token = await token_of(service, found["id"])
    exports = service.composition.services.ledgers[service.ledger_id].exports
    await exports._exports.withdraw(now_ms(), found["id"])  # noqa: SLF001 - as an erasure does
    assert (await fetch(service, found["id"], token)).status_code == 410
    again = await service.client.post(f"/v1/exports/{found['id']}/tokens", json={})
    assert (again.status_code, again.json()["type"]) == (410, "urn:consent-ledger:problem:gone")
