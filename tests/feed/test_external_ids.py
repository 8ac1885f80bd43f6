"""A source's own id for a person: told to whoever speaks for this source, to nobody else, and erasable."""

from typing import Any

import pytest

from tests.support.databases import execute, fetch_value
from tests.support.http_service import JANE, Service, grant, withdrawal

CRM, SHOP = {"source": "crm"}, {"source": "shop"}
JIM = {"kind": "email", "value": "jim@example.org"}


async def ids(service: Service, source: str | None, **headers: str) -> list[str | None]:
    """The external ids of all consents and withdrawals as they are told now."""
    query: dict[str, Any] = {"types": "consent_granted,consent_withdrawn,address_changed"}
    if source is not None:
        query["source"] = source
    position, told, caught_up = 0, [], False
    while not caught_up:
        page = await service.client.get("/v1/events", params=query | {"after": position}, headers=headers)
        assert page.status_code == 200, page.text
        told += [item["data"].get("external_id") for item in page.json()["items"]]
        position, caught_up = page.json()["next"], page.json()["caught_up"]
    return told


async def record(service: Service, event: dict[str, Any]) -> None:
    assert (await service.record(event)).status_code == 201


async def test_each_source_is_told_its_own_id_and_whoever_names_none_is_told_none(service: Service) -> None:
    await record(service, grant(**CRM, external_id="crm-4711"))
    await record(service, withdrawal(**SHOP, external_id="customer 9"))
    assert await ids(service, "crm") == ["crm-4711"] * 2
    assert await ids(service, "shop") == ["customer 9"] * 2
    assert await ids(service, None) == [None] * 2
    assert await ids(service, "elsewhere") == [None] * 2


async def test_a_later_id_of_the_same_source_replaces_the_one_before(service: Service) -> None:
    await record(service, grant("1", **CRM, external_id="before the merge"))
    await record(service, withdrawal("2", **CRM, external_id="after the merge"))
    await record(service, grant("3", **CRM))
    assert await ids(service, "crm") == ["after the merge"] * 3


async def test_the_last_of_one_batch_counts(service: Service) -> None:
    events = [grant(f"b-{number}", **CRM, external_id=f"crm-{number}") for number in range(5)]
    answer = await service.client.post("/v1/events/batch", json={"events": events})
    assert answer.status_code == 207
    assert await ids(service, "crm") == ["crm-4"] * 5


async def test_an_event_that_is_repeated_changes_nothing(service: Service) -> None:
    await record(service, grant("1", **CRM, external_id="first"))
    await record(service, grant("2", **CRM, external_id="second"))
    assert (await service.record(grant("1", **CRM, external_id="first"))).status_code == 200
    assert await ids(service, "crm") == ["second"] * 2


async def test_an_id_stands_for_the_person_whatever_the_address(service: Service) -> None:
    await record(service, grant("1", **CRM, external_id="crm-1", other_addresses=[JIM]))
    assert await ids(service, "crm") == ["crm-1"] * 2
    changed = {"type": "address_changed", "source_event_id": "2", "occurred_at": "2026-03-01T00:00:00Z"}
    await record(
        service, changed | CRM | {"by": "recipient", "from": JIM, "to": JANE, "external_id": "crm-2"}
    )
    assert await ids(service, "crm") == ["crm-2"] * 4


async def test_a_credential_speaks_for_the_sources_that_its_scopes_name(service: Service) -> None:
    await record(service, grant(**CRM, external_id="crm-4711"))
    own = await service.key("event:read", "source:crm")
    assert await ids(service, "crm", **own) == ["crm-4711"]
    for scopes in (["event:read"], ["event:read", "source:shop"]):
        headers = await service.key(*scopes)
        refused = await service.client.get("/v1/events", params=CRM, headers=headers)
        assert refused.status_code == 403
        assert refused.json()["type"].endswith(":insufficient-scope")


async def test_a_subscription_tells_the_ids_of_a_source_that_its_maker_speaks_for(service: Service) -> None:
    asked = {"name": "crm", "url": "https://crm.example.org/hook", **CRM}
    poor = await service.key("subscription:manage", "source:shop")
    assert (await service.client.post("/v1/subscriptions", json=asked, headers=poor)).status_code == 403
    own = await service.key("subscription:manage", "source:crm")
    made = await service.client.post("/v1/subscriptions", json=asked, headers=own)
    assert made.status_code == 201
    assert made.json()["source"] == "crm"


@pytest.mark.parametrize(
    ("caller", "given", "status"),
    [
        (("key:manage", "source:crm"), "source:crm", 201),
        (("key:manage", "subject:resolve"), "source:crm", 201),
        (("key:manage", "source:shop"), "source:crm", 403),
        (("key:manage", "subject:resolve"), "source:", 400),
        (("key:manage", "subject:resolve"), "source:with space", 400),
    ],
)
async def test_a_key_for_a_source_is_given_by_those_who_speak_for_it_or_see_addresses(
    service: Service, caller: tuple[str, ...], given: str, status: int
) -> None:
    headers = await service.key(*caller)
    answer = await service.client.post("/v1/keys", json={"label": "c", "scopes": [given]}, headers=headers)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("source", ["", "x" * 201])
async def test_a_source_that_cannot_be_is_refused(service: Service, source: str) -> None:
    answer = await service.client.get("/v1/events", params={"source": source})
    assert answer.status_code == 400


async def test_ids_are_sealed_at_rest_and_gone_with_the_persons_key(
    service: Service, database_dsn: str
) -> None:
    await record(service, grant(**CRM, external_id="crm-canary-4711"))
    kept = fetch_value(
        database_dsn, "SELECT encode(source_tag, 'escape') || encode(sealed, 'escape') FROM external_id"
    )
    assert "crm" not in str(kept)
    for table in ("sealed_record", "subject_secret"):
        execute(
            database_dsn,
            f"DELETE FROM {table} WHERE subject_key IN (SELECT subject_key FROM external_id)",  # noqa: S608 - from here
        )
    await record(service, withdrawal())  # the chain goes on under a new key
    assert await ids(service, "crm") == [None] * 2


async def test_an_id_appears_nowhere_in_what_is_public(service: Service) -> None:
    await record(service, grant(**CRM, external_id="crm-canary-4711"))
    ledger = service.composition.services.ledgers[service.ledger_id].name
    tiles = await service.client.get(f"/log/{ledger}/tile/entries/000.p/1")
    proof = await service.client.post("/v1/proofs", json={"address": JANE})
    assert proof.status_code == 200
    metrics = service.composition.metrics.text()
    assert b"canary-4711" not in tiles.content + proof.content + metrics
