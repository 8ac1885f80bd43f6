"""The HTTP application: every route, one error handler, one middleware."""

from typing import Any

from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from service.api import (
    campaigns,
    checks,
    configuration,
    consistency,
    deliveries,
    documents,
    events,
    exports,
    feed,
    health,
    imports,
    keys,
    limits,
    log,
    rulebooks,
    subjects,
    subscriptions,
)
from service.api.access import Access
from service.api.direct import Direct
from service.api.problems import respond_with_problem
from service.api.reading import Reading
from service.api.services import Services
from service.api.unsubscribe import links as unsubscribe_links
from service.api.unsubscribe import routes as unsubscribe

ROUTES = (
    campaigns.check_campaign,
    checks.check,
    checks.prove,
    configuration.list_forms,
    configuration.list_senders,
    configuration.publish_form,
    configuration.read_form,
    configuration.register_sender,
    events.record_event,
    events.record_events,
    imports.import_rows,
    exports.create_export,
    exports.fetch_export,
    exports.list_exports,
    exports.make_export_token,
    exports.read_export,
    consistency.read_consistency,
    documents.read_contract,
    documents.read_docs,
    documents.read_problem,
    documents.read_verifier,
    feed.poll_events,
    feed.stream_events,
    health.is_alive,
    health.is_ready,
    health.read_metrics,
    keys.issue_key,
    keys.list_keys,
    keys.revoke_key,
    log.read_checkpoint,
    log.read_keys,
    log.read_tile,
    rulebooks.list_rulebooks,
    rulebooks.publish_rulebook,
    rulebooks.read_old_rulebook,
    rulebooks.read_rulebook,
    rulebooks.try_rulebook,
    subjects.erase_subject,
    subjects.look_up_subject,
    deliveries.list_attempts,
    deliveries.list_deliveries,
    subscriptions.create_subscription,
    subscriptions.delete_subscription,
    subscriptions.enable_subscription,
    subscriptions.move_subscription,
    subscriptions.list_subscriptions,
    subscriptions.pause_subscription,
    subscriptions.read_subscription,
    subscriptions.replay_range,
    subscriptions.rotate_secret,
    subscriptions.send_test,
    unsubscribe.show_way_out,
    unsubscribe.use_way_out,
    unsubscribe_links.make_link,
)


def create_app(services: Services) -> Litestar:
    """The application over these services. Litestar's own logging stays off: it would log bodies."""
    return Litestar(
        route_handlers=list(ROUTES),
        middleware=[Access(services.keys, services.quotas), Reading(), Direct()],
        exception_handlers={Exception: _handle, HTTPException: _handle},
        state=State({"services": services}),
        request_max_body_size=limits.BODY_BYTES_MAX,
        openapi_config=None,
        logging_config=None,
    )


def _handle(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    return respond_with_problem(request, error)
