"""Two ledgers in one service: a credential opens its own, and what belongs to another is not there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.api.callers.key_desk import NewKey
from service.api.callers.principal import SCOPES
from service.cli.ledgers import _create
from service.settings import Settings
from tests.api.test_every_route import guarded
from tests.support.http_service import JANE, Service, grant, question
from tests.support.patience import until

FORM = {
    "language": "en",
    "title": "Newsletter",
    "text": "Acme may send me its newsletter.",
    "boxes": [{"name": "newsletter", "label": "Send it", "default": "unticked"}],
}


@dataclass
class Neighbours:
    """A service, and the headers of a key of each of its two ledgers."""

    service: Service
    ours: dict[str, str]
    theirs: dict[str, str]
    their_id: int


@pytest.fixture
async def neighbours(service: Service, database_dsn: str, tmp_path: Path) -> Neighbours:
    settings = Settings(database_url=database_dsn, data_dir=tmp_path, pool_size=2, ledger="neighbour")
    row, key = await _create(settings, database_dsn)
    await until(lambda: row.ledger_id in service.composition.services.ledgers)
    return Neighbours(
        service,
        dict(service.client.headers.items()),
        {"authorization": f"Bearer {key}"},
        row.ledger_id,
    )


async def call(
    neighbours: Neighbours,
    method: str,
    path: str,
    who: dict[str, str],
    *,
    json: object = None,
) -> Any:  # noqa: ANN401 - httpx's
    return await neighbours.service.client.request(method, path, headers=who, json=json)


async def test_a_ledger_made_while_the_service_runs_is_served(neighbours: Neighbours) -> None:
    answer = await call(neighbours, "GET", "/v1/senders", neighbours.theirs)
    assert answer.status_code == 200
    assert answer.json() == {"items": []}


async def test_each_ledger_signs_for_itself(neighbours: Neighbours) -> None:
    notes = [
        (await call(neighbours, "GET", f"/log/{name}/checkpoint", {})).text for name in ("main", "neighbour")
    ]
    assert [note.split("\n")[0] for note in notes] == [
        "ledger.localhost/main/1",
        "ledger.localhost/neighbour/1",
    ]
    assert notes[0].split("\n")[2] != notes[1].split("\n")[2]
    keys = (await call(neighbours, "GET", "/.well-known/jwks.json", {})).json()["keys"]
    # One for tokens and one for webhooks, each.
    assert len({key["kid"] for key in keys}) == 4


async def test_what_one_ledger_was_told_the_other_does_not_know(neighbours: Neighbours) -> None:
    await neighbours.service.record(grant())
    acme = {"id": "acme", "legal_name": "Acme B.V.", "country": "NL"}
    await call(neighbours, "POST", "/v1/senders", neighbours.theirs, json=acme)
    ours = await call(neighbours, "POST", "/v1/checks", neighbours.ours, json=question())
    theirs = await call(neighbours, "POST", "/v1/checks", neighbours.theirs, json=question())
    assert (ours.json()["decision"], theirs.json()["decision"]) == ("allow", "deny")
    # The same id is another event there, and not a replay.
    assert (await call(neighbours, "POST", "/v1/events", neighbours.theirs, json=grant())).status_code == 201


async def test_the_same_address_is_another_subject_in_another_ledger(neighbours: Neighbours) -> None:
    bundles = [
        (await call(neighbours, "POST", "/v1/proofs", who, json={"address": JANE})).json()
        for who in (neighbours.ours, neighbours.theirs)
    ]
    assert (
        bundles[0]["map"]["subject_key"] != bundles[1]["map"]["subject_key"] if "map" in bundles[0] else True
    )
    assert bundles[0] != bundles[1]


async def foreign_ids(neighbours: Neighbours) -> dict[str, str]:
    """Ids of our ledger's things, by the name of the path parameter that takes them."""
    form = await call(neighbours, "POST", "/v1/forms", neighbours.ours, json=FORM)
    await neighbours.service.record(grant())
    ours = {
        **(await call(neighbours, "GET", "/v1/rulebook", neighbours.ours)).json()["rulebook"],
        "label": "x",
    }
    rulebook = await call(neighbours, "PUT", "/v1/rulebook", neighbours.ours, json=ours)
    desk = neighbours.service.composition.services.key_desk
    _, key = await desk.issue(neighbours.service.ledger_id, NewKey("ours", frozenset(SCOPES), 1))
    hook = {"name": "crm", "url": "https://crm.example.org/consent"}
    webhook = await call(neighbours, "POST", "/v1/subscriptions", neighbours.ours, json=hook)
    export = await call(neighbours, "POST", "/v1/exports", neighbours.ours, json={})
    return {
        "export_id": export.json()["id"],
        "form_id": form.json()["id"],
        "digest": rulebook.json()["id"],
        "key_id": key.key_id,
        "subscription_id": webhook.json()["id"],
        "lane": "live",
        "position": "1",
    }


async def test_every_route_that_takes_an_id_says_404_to_an_id_of_another_ledger(
    neighbours: Neighbours,
) -> None:
    ids = await foreign_ids(neighbours)
    walked = set()
    for route in guarded(neighbours.service.app):
        names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
        for name in names if route.path.startswith("/v1/") else ():
            assert name in ids, f"{route.name}: say here which id of ours {name} could be"
            path = route.path.replace(f"{{{name}}}", ids[name])
            answer = await call(neighbours, route.method, path, neighbours.theirs)
            assert answer.status_code == 404, route.name
            assert route.method == "HEAD" or answer.json()["type"].endswith(":not-found")
            walked.add(name)
    assert walked == ids.keys()
    desk = neighbours.service.composition.services.key_desk
    assert all(key.revoked_at_ms is None for key in await desk.keys(neighbours.service.ledger_id))


async def test_ids_in_bodies_are_of_the_own_ledger_too(neighbours: Neighbours) -> None:
    ids = await foreign_ids(neighbours)
    acme = {"id": "acme", "legal_name": "Acme B.V.", "country": "NL"}
    await call(neighbours, "POST", "/v1/senders", neighbours.theirs, json=acme)
    event = grant("foreign-form", form=ids["form_id"], box="newsletter", method="ticked")
    answer = await call(neighbours, "POST", "/v1/events", neighbours.theirs, json=event)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "unknown_form"


async def test_a_list_shows_nothing_of_another_ledger(neighbours: Neighbours) -> None:
    ids = await foreign_ids(neighbours)
    for route in guarded(neighbours.service.app):
        if route.method == "GET" and "{" not in route.path and route.path.startswith("/v1/"):
            answer = await call(neighbours, "GET", route.path, neighbours.theirs)
            assert answer.status_code == 200, route.name
            assert not any(ids[name] in answer.text for name in ("form_id", "key_id")), route.name


async def test_a_ledger_named_in_the_body_is_refused(neighbours: Neighbours) -> None:
    for path, body in (("/v1/events", grant()), ("/v1/checks", question())):
        answer = await call(neighbours, "POST", path, neighbours.theirs, json={**body, "ledger": "main"})
        assert answer.status_code == 400
