"""Every route of the application's own table asks for a credential and its scope, and does nothing without.

A new route is walked as soon as it exists. What needs no credential stands here, by name.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from httpx import Response
from litestar import Litestar
from litestar.routes import HTTPRoute

from service.api.callers.key_desk import NewKey
from service.api.callers.key_format import new_key
from service.api.callers.principal import PUBLIC, READS, SCOPES, WRITES
from service.wiring.clock import now_ms
from service.wiring.key_ring import issue_key
from tests.support.http_service import Service, grant

PUBLIC_ROUTES = {
    ("POST", "/u/{token}"),
    *(
        (method, path)
        for method in ("GET", "HEAD")
        for path in (
            "/livez",
            "/readyz",
            "/metrics",
            "/openapi.json",
            "/docs",
            "/verify",
            "/problems/{slug}",
            "/.well-known/jwks.json",
            "/u/{token}",
            "/v1/exports/{export_id}/content",
            "/log/{ledger}/checkpoint",
            "/log/{ledger}/tile/{path}",
        )
    ),
}
ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Route:
    """One method of one path, and what its handler says of itself."""

    method: str
    path: str
    opt: dict[str, Any]

    @property
    def name(self) -> tuple[str, str]:
        """How failures call it."""
        return self.method, self.path

    @property
    def scope(self) -> str | None:
        """The scope it wants."""
        return self.opt.get("scope")


def routes(app: Litestar) -> Iterator[Route]:
    """Every method of every path that the application answers, but for what only tells its methods."""
    for route in app.routes:
        assert isinstance(route, HTTPRoute), "a route of a kind that this walk does not know"
        for method, (handler, _) in route.route_handler_map.items():
            if method != "OPTIONS":
                path = "/" + "/".join(
                    f"{{{part.name}}}" if hasattr(part, "name") else str(part)
                    for part in route.path_components
                )
                yield Route(str(method), path, dict(handler.opt))


def guarded(app: Litestar) -> list[Route]:
    return [route for route in routes(app) if route.name not in PUBLIC_ROUTES]


async def ask(service: Service, route: Route, headers: dict[str, str]) -> Response:
    """Ask it something that would do something if it were allowed."""
    path = (
        route.path.replace("{form_id}", "0" * 64)
        .replace("{digest}", "0" * 64)
        .replace("{", "")
        .replace("}", "")
    )
    body = None if route.method in ("GET", "HEAD") else grant()
    return await service.client.request(route.method, path, headers=headers, json=body)


async def state(service: Service) -> tuple[object, ...]:
    """What would change if something had been done."""
    desk = service.composition.services.key_desk
    position = (await service.check())["position"]
    return position, [(key.key_id, key.revoked_at_ms) for key in await desk.keys(service.ledger_id)]


async def refused_keys(service: Service) -> dict[str, str]:
    """Credentials that are none, or no longer."""
    access, ledger = service.composition.access, service.ledger_id
    desk = service.composition.services.key_desk
    live, info = await desk.issue(ledger, NewKey("live", frozenset(SCOPES), 1))
    revoked, gone = await desk.issue(ledger, NewKey("revoked", frozenset(SCOPES), 1))
    await desk.revoke(ledger, gone.key_id)
    expired, _ = await issue_key(
        access,
        ledger,
        scopes=frozenset(SCOPES),
        label="",
        days=1,
        now_ms=now_ms() - 86_400_000,
        random=os.urandom,
    )
    impostor, _, _ = new_key(bytes(map(ID_ALPHABET.index, info.key_id)) + os.urandom(32))
    return {
        "no scheme": live,
        "nothing behind the scheme": "Bearer ",
        "another scheme": "Basic YTpi",
        "nonsense": "Bearer clk_nonsense",
        "a typing error": f"Bearer {live[:-1]}{'0' if live[-1] != '0' else '1'}",
        "the id of a live key with another secret": f"Bearer {impostor}",
        "a key nobody made": f"Bearer {new_key(os.urandom(44))[0]}",
        "an expired key": f"Bearer {expired}",
        "a revoked key": f"Bearer {revoked}",
        "a token of nobody": "Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.",
    }


async def test_what_is_public_is_exactly_what_is_listed(service: Service) -> None:
    assert {route.name for route in routes(service.app) if route.scope == PUBLIC} == PUBLIC_ROUTES


async def test_every_route_that_takes_a_body_says_whether_it_writes(service: Service) -> None:
    silent = [
        route.name
        for route in guarded(service.app)
        if route.method not in ("GET", "HEAD") and "effect" not in route.opt
    ]
    assert not silent, (
        'say opt={"effect": READS} or WRITES: only what is written is kept for an Idempotency-Key'
    )
    assert {route.opt.get("effect", READS) for route in guarded(service.app)} == {READS, WRITES}


async def test_every_route_refuses_a_caller_without_a_credential(service: Service) -> None:
    service.client.headers.pop("authorization")
    for route in guarded(service.app):
        response = await ask(service, route, {})
        assert response.status_code == 401, route.name
        assert route.method == "HEAD" or response.json()["type"].endswith(":unauthenticated")
        # RFC 6750 section 3.1: no error code where nothing was presented.
        assert response.headers["www-authenticate"] == 'Bearer realm="consent-ledger"'


async def test_every_route_refuses_a_credential_that_is_not_live(service: Service) -> None:
    wrong = await refused_keys(service)
    before = await state(service)
    for name, authorization in wrong.items():
        for route in guarded(service.app):
            response = await ask(service, route, {"authorization": authorization})
            assert response.status_code == 401, (route.name, name)
            assert 'error="invalid_token"' in response.headers["www-authenticate"]
            assert response.headers["content-type"] == "application/problem+json"
    assert await state(service) == before


async def test_every_route_refuses_a_key_that_has_every_scope_but_its_own(service: Service) -> None:
    scopes = {route.scope for route in guarded(service.app)} - {None}
    assert scopes <= SCOPES.keys()
    keys = {scope: await service.key(*(SCOPES.keys() - {scope})) for scope in scopes}
    before = await state(service)
    for route in guarded(service.app):
        if route.scope is not None:
            response = await ask(service, route, keys[route.scope])
            assert response.status_code == 403, route.name
            challenge = f'error="insufficient_scope", scope="{route.scope}"'
            assert challenge in response.headers["www-authenticate"]
    assert await state(service) == before


@pytest.mark.parametrize("path", ["/v1/nothing", "/v2/events"])
async def test_a_path_that_is_none_is_not_found_for_everybody(service: Service, path: str) -> None:
    assert (await service.client.get(path, headers={"authorization": ""})).status_code == 404
