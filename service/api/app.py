"""The HTTP application: every route, one error handler, one middleware."""

from typing import Any

from litestar import Litestar, Request, Response, get
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig

from service.api import checks, configuration, events, feed, health, log
from service.api.access import PUBLIC, Access
from service.api.bodies import REQUEST_BYTES_MAX, respond
from service.api.contract import openapi_document
from service.api.direct import Direct
from service.api.problems import respond_with_problem
from service.api.services import Services


@get("/openapi.json", opt={"scope": PUBLIC}, include_in_schema=False)
async def read_contract(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The OpenAPI document of this very program."""
    state = request.app.state
    if "contract" not in state:
        state.contract = openapi_document(request.app)
    return respond(state.contract, headers={"cache-control": "public, max-age=300"})


ROUTES = (
    checks.check,
    checks.prove,
    configuration.list_forms,
    configuration.list_senders,
    configuration.publish_form,
    configuration.publish_rulebook,
    configuration.read_form,
    configuration.read_old_rulebook,
    configuration.read_rulebook,
    configuration.register_sender,
    events.record_event,
    events.record_events,
    feed.poll_events,
    feed.stream_events,
    health.is_alive,
    health.is_ready,
    health.read_metrics,
    log.read_checkpoint,
    log.read_keys,
    log.read_tile,
    read_contract,
)


def create_app(services: Services) -> Litestar:
    """The application over these services. Litestar's own logging stays off: it would log bodies."""
    return Litestar(
        route_handlers=list(ROUTES),
        middleware=[Access(services.keys), Direct()],
        exception_handlers={Exception: _handle, HTTPException: _handle},
        state=State({"services": services}),
        request_max_body_size=REQUEST_BYTES_MAX,
        openapi_config=OpenAPIConfig(title="Consent ledger", version="1", path="/schema"),
        logging_config=None,
    )


def _handle(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    return respond_with_problem(request, error)
