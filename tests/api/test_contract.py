"""The contract in `openapi/` is the program's own, and a key may do what its scopes say."""

import json
from pathlib import Path

from service.api.app import create_app
from service.api.contract import openapi_document
from tests.support.http_service import Service, grant, question, withdrawal

CONTRACT = Path(__file__).parents[2] / "openapi" / "openapi.json"


def written(document: object) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


async def test_the_contract_is_what_the_code_says(service: Service) -> None:
    document = openapi_document(create_app(service.composition.services))
    assert written(document) == CONTRACT.read_text(encoding="utf-8"), (
        "regenerate it: python -m tests.api.write_contract"
    )


async def test_a_key_may_do_what_its_scopes_say_and_no_more(service: Service) -> None:
    key = await service.key("check:read")
    assert (await service.client.post("/v1/checks", json=question(), headers=key)).status_code == 200
    assert (await service.client.post("/v1/events", json=grant(), headers=key)).status_code == 403
    assert (await service.client.post("/v1/proofs", json=question(), headers=key)).status_code == 403


async def test_any_key_may_pass_on_a_withdrawal(service: Service) -> None:
    key = await service.key("check:read")
    assert (await service.client.post("/v1/events", json=withdrawal(), headers=key)).status_code == 201


async def test_the_subject_secret_needs_a_scope_of_its_own(service: Service) -> None:
    key = await service.key("proof:read")
    asked = question(disclose=True)
    assert (await service.client.post("/v1/proofs", json=asked, headers=key)).status_code == 403


async def test_without_the_detail_scope_withdrawn_and_never_seen_look_the_same(service: Service) -> None:
    key = await service.key("check:read")
    unseen = (await service.client.post("/v1/checks", json=question(), headers=key)).json()
    await service.record(grant())
    await service.record(withdrawal())
    withdrawn = (await service.client.post("/v1/checks", json=question(), headers=key)).json()
    for answer in (unseen, withdrawn):
        del answer["evaluated_at"], answer["position"]
    assert unseen == withdrawn


async def test_the_public_log_needs_no_key_and_holds_no_address(service: Service) -> None:
    await service.record(grant())
    service.client.headers.pop("authorization")
    size = int((await service.client.get("/log/main/checkpoint")).text.split("\n")[1])
    bundle = await service.client.get(f"/log/main/tile/entries/000.p/{size}")
    tile = await service.client.get(f"/log/main/tile/0/000.p/{size}")
    assert len(tile.content) == 32 * size
    assert b"jane" not in bundle.content
    assert (await service.client.get("/.well-known/jwks.json")).json()["keys"]
