"""Probes for an orchestrator."""

from litestar import Response, get

from service.api.access import PUBLIC
from service.api.bodies import ApiRequest, respond
from service.api.services import Services


@get("/livez", opt={"scope": PUBLIC})
async def is_alive() -> Response[bytes]:
    """The process answers. Says nothing about what it depends on: a restart would not mend that."""
    return respond({"status": "alive"})


@get("/readyz", opt={"scope": PUBLIC})
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
