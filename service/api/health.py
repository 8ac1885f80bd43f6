"""Probes for an orchestrator, and metrics for a scrape."""

from litestar import Response

from service.api.bodies import ApiRequest, respond
from service.api.callers.principal import PUBLIC
from service.api.problems import ApiError
from service.api.reading import get
from service.api.services import Services


@get("/livez", opt={"scope": PUBLIC, "produces": ()})
async def is_alive() -> Response[bytes]:
    """The process answers. Says nothing about what it depends on: a restart would not mend that."""
    return respond({"status": "alive"})


@get("/readyz", opt={"scope": PUBLIC, "produces": ()})
async def is_ready(request: ApiRequest) -> Response[bytes]:
    """Whether requests should come here: 503 while draining or when a dependency fails."""
    services: Services = request.app.state.services
    failing = []
    for name, probe in services.probes.items():
        try:
            await probe()
        except Exception:  # noqa: BLE001 - whatever it is, the dependency is not usable
            failing.append(name)
    if services.draining:
        failing.append("draining")
    return respond(
        {"status": "ready" if not failing else "not_ready", "failing": failing}, 503 if failing else 200
    )


@get("/metrics", opt={"scope": PUBLIC, "produces": ()})
async def read_metrics(request: ApiRequest) -> Response[bytes]:
    """Metrics in Prometheus' text format. Nothing personal is in them; keep them inside all the same."""
    services: Services = request.app.state.services
    if services.metrics is None:
        raise ApiError(404, "not-found", "There is no such thing here", "metrics have a port of their own")
    return Response(
        services.metrics(),
        media_type="text/plain; version=0.0.4; charset=utf-8",
        headers={"cache-control": "no-store"},
    )
