"""The whole service over a real database, asked through its ASGI door instead of a socket."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from httpx import ASGITransport, AsyncClient, Response
from litestar import Litestar

from service.api.app import create_app
from service.api.callers.principal import SCOPES
from service.settings import Settings
from service.telemetry.requests import Observed
from service.telemetry.tracing import Tracing
from service.wiring.clock import now_ms
from service.wiring.compose import Composition, open_services
from service.wiring.key_ring import issue_key

JANE = {"kind": "email", "value": "jane.canary@example.org"}


@dataclass(slots=True)
class Service:
    """A running service and a client that holds every scope."""

    composition: Composition
    client: AsyncClient
    ledger_id: int
    app: Litestar

    async def key(self, *scopes: str) -> dict[str, str]:
        """Headers of a new key with just these scopes."""
        issued, _ = await issue_key(
            self.composition.access,
            self.ledger_id,
            scopes=frozenset(scopes),
            label="test",
            days=1,
            now_ms=now_ms(),
            random=os.urandom,
        )
        return {"authorization": f"Bearer {issued}"}

    async def record(self, event: dict[str, Any], **headers: str) -> Response:
        """Record an event."""
        return await self.client.post("/v1/events", json=event, headers=headers)

    async def check(self, **changes: object) -> dict[str, Any]:
        """The answer to the usual question."""
        response = await self.client.post("/v1/checks", json=question(**changes))
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer


def question(**changes: object) -> dict[str, Any]:
    """The usual question: may Acme send Jane its newsletter, by e-mail, in the Netherlands."""
    asked = {
        "sender": "acme",
        "category": "newsletter",
        "channel": "email",
        "kind": "commercial",
        "address": JANE,
        "recipient": {"country": "NL", "kind": "consumer"},
        "message": {"optout": True, "identity": True},
    }
    return {**asked, **changes}


def grant(event_id: str = "grant-1", **changes: object) -> dict[str, Any]:
    """Jane says yes."""
    event = {
        "type": "consent_granted",
        "source_event_id": event_id,
        "occurred_at": "2026-01-10T10:15:00Z",
        "sender": "acme",
        "address": JANE,
        "categories": ["newsletter"],
        "channels": ["email"],
        "method": "checkbox",
        "checkbox_default": "unticked",
        "evidence": {"ip": "192.0.2.7"},
    }
    return {**event, **changes}


def withdrawal(event_id: str = "withdrawal-1", **changes: object) -> dict[str, Any]:
    """Jane says no."""
    event = {
        "type": "consent_withdrawn",
        "source_event_id": event_id,
        "occurred_at": "2026-02-10T10:15:00Z",
        "sender": "acme",
        "address": JANE,
        "scope": "all_marketing",
    }
    return {**event, **changes}


@asynccontextmanager
async def running(
    dsn: str,
    data: Path,
    *,
    tracing: Tracing | None = None,
    **changes: Any,  # noqa: ANN401 - settings
) -> AsyncIterator[Service]:
    """Start on a migrated database, with the sender Acme registered; every request is logged."""
    settings = Settings(**{"database_url": dsn, "data_dir": data, "pool_size": 3, **changes})
    async with open_services(settings, dsn) as composition:
        app = create_app(composition.services)
        # This door hands an answer over when it is whole, so a stream has to have an end.
        composition.services.streams.seconds = composition.services.streams.heartbeat_seconds = 0.2
        observed = Observed(app, composition.metrics, log_requests="all", tracing=tracing)
        (ledger_id,) = composition.services.ledgers
        # httpx and Litestar describe the same ASGI application with different types.
        transport = ASGITransport(app=cast("Any", observed), raise_app_exceptions=False)
        async with AsyncClient(transport=transport, base_url="http://ledger.test") as client:
            service = Service(composition, client, ledger_id, app)
            client.headers.update(await service.key(*SCOPES))
            acme = {"id": "acme", "legal_name": "Acme B.V.", "country": "NL"}
            assert (await client.post("/v1/senders", json=acme)).status_code in (200, 201)
            yield service
