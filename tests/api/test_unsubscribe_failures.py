"""Nothing on record, missing or out of order makes a no fail, and nothing undone is said to be done."""

import pytest

from service.core.errors import ForkError, UnavailableError
from service.core.unsubscribe import LinkKeys, UnsubscribeLink
from service.ledger.unsubscribe import Unsubscribe
from tests.support.databases import execute
from tests.support.http_service import JANE, Service, grant, withdrawal
from tests.support.way_out import FORM, ONE_CLICK, PAGE, ask, decided, link


@pytest.mark.parametrize(
    "before",
    [
        {"type": "purchase", "seller": "acme", "optout_offered": True, "notice_given": True},
        {"type": "contract_started", "seller": "acme"},
        {"type": "consent_withdrawn", "sender": "acme", "scope": "all_marketing"},
        {"type": "erasure_requested"},
    ],
    ids=lambda event: str(event["type"]),
)
async def test_nothing_on_record_makes_a_click_fail(service: Service, before: dict[str, object]) -> None:
    told = {"source_event_id": "before", "occurred_at": "2026-03-01T00:00:00Z", "address": JANE}
    assert (await service.record(before | told)).status_code == 201
    assert (await ask(service, "POST", await link(service), ONE_CLICK)).status_code == 200
    assert (await decided(service))[0] == "deny"


async def test_a_link_works_for_a_sender_and_a_category_that_nobody_knows_any_more(service: Service) -> None:
    (ledger,) = service.composition.services.ledgers.values()
    keys = LinkKeys(ledger.keys.all_link_secrets(), ledger.keys.origin)
    token = keys.seal(UnsubscribeLink(bytes(32), "gone", "no-longer-there", "sms"))
    page = await ask(service, "GET", f"/u/{token}", headers=PAGE)
    assert "No longer there" in page.text
    assert (await ask(service, "POST", f"/u/{token}", ONE_CLICK)).status_code == 200
    assert (await ask(service, "GET", f"/u/{token}", headers={"accept": "application/json"})).json()[
        "stopped"
    ] == ["category"]


@pytest.mark.parametrize("failure", [UnavailableError, ForkError])
async def test_what_could_not_be_recorded_is_never_said_to_be_done(
    service: Service, monkeypatch: pytest.MonkeyPatch, failure: type[Exception]
) -> None:
    async def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(Unsubscribe, "stop", fail)
    url = await link(service)
    program = await ask(service, "POST", url, ONE_CLICK)
    person = await ask(service, "POST", url, b"stop=category", PAGE | {"content-type": FORM})
    assert (program.status_code, person.status_code) == (503, 503)
    assert program.headers["retry-after"] == person.headers["retry-after"] == "60"
    assert program.json()["request_id"]
    assert 'role="alert"' in person.text
    assert "<button" in person.text


async def test_a_confirmation_that_cannot_be_read_is_still_a_confirmation(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise UnavailableError

    url = await link(service)
    monkeypatch.setattr(Unsubscribe, "look", fail)
    person = await ask(service, "POST", url, b"stop=category", PAGE | {"content-type": FORM})
    assert person.status_code == 200
    assert 'role="status"' in person.text
    assert (await decided(service))[0] == "deny"


async def test_the_way_out_is_shown_while_nobody_can_say_the_names(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise UnavailableError

    url = await link(service)
    monkeypatch.setattr(Unsubscribe, "look", fail)
    page = await ask(service, "GET", url, headers=PAGE)
    assert page.status_code == 200
    assert page.text.count("<button") == 2
    assert (await ask(service, "GET", url, headers={"accept": "application/json"})).status_code == 503


async def test_the_link_works_when_everything_of_the_person_is_gone(
    service: Service, database_dsn: str
) -> None:
    await service.record(grant())
    url = await link(service)
    for table in ("sealed_record", "subject_secret"):
        execute(database_dsn, f"DELETE FROM {table}")  # noqa: S608 - two names of our own
    assert (await ask(service, "POST", url, ONE_CLICK)).status_code == 200
    assert await decided(service) == ("deny", "WITHDRAWN")


@pytest.mark.parametrize("kind", ["consent_withdrawn", "objection", "objection_attempted", "consent_refused"])
async def test_any_live_key_may_pass_on_a_no(service: Service, kind: str) -> None:
    for scopes in (("check:read",), ("link:write",), ()):
        key = await service.key(*scopes)
        event = withdrawal(f"no-{kind}-{len(scopes)}-{scopes}", type=kind)
        assert (await service.client.post("/v1/events", json=event, headers=key)).status_code == 201
        lines = {"events": [withdrawal(f"batch-{kind}-{scopes}", type=kind)]}
        batch = await service.client.post("/v1/events/batch", json=lines, headers=key)
        assert batch.json()["items"][0]["status"] == 201
