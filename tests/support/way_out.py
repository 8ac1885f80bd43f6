"""A stranger at the way out: requests with nothing but what the test gives them."""

from collections.abc import Mapping

from httpx import Response

from tests.support.http_service import JANE, Service

ONE_CLICK = b"List-Unsubscribe=One-Click"
FORM = "application/x-www-form-urlencoded"
PAGE = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def link(service: Service, **changes: object) -> str:
    """The URL of Jane's way out of Acme's newsletter."""
    asked = {"sender": "acme", "category": "newsletter", "channel": "email", "address": JANE}
    made = await service.client.post("/v1/unsubscribe-links", json=asked | changes)
    assert made.status_code == 201, made.text
    url: str = made.json()["url"]
    return url


async def ask(
    service: Service,
    method: str,
    url: str,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A request as a stranger's, with these headers and no others but the length."""
    request = service.client.build_request(method, url, content=content)
    for name in ("authorization", "accept", "accept-encoding", "user-agent"):
        request.headers.pop(name, None)
    request.headers.update(headers or {})
    return await service.client.send(request)


async def decided(service: Service, **changes: object) -> tuple[str, str]:
    """Decision and reason of the usual question."""
    answer = await service.check(**changes)
    return answer["decision"], answer["reason_code"]
