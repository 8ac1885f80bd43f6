"""Campaigns as tests ask for them."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from httpx import Response

from tests.support.http_service import Service, question

NDJSON = {"content-type": "application/x-ndjson"}
DEFAULTS = {name: value for name, value in question().items() if name != "address"}


def line(address: str, **more: object) -> dict[str, Any]:
    """A line about an e-mail address."""
    return {"address": {"kind": "email", "value": address}, **more}


def body_of(lines: Iterable[object], defaults: dict[str, Any] | None = DEFAULTS) -> str:
    """Lines as a body; a string stands for itself."""
    head = [{"defaults": defaults}] if defaults is not None else []
    return "\n".join(each if isinstance(each, str) else json.dumps(each) for each in [*head, *lines])


async def stream(service: Service, lines: Sequence[object], **parts: Any) -> Response:  # noqa: ANN401 - headers
    """A campaign as lines."""
    headers = NDJSON | parts.pop("headers", {})
    return await service.client.post("/v1/checks/batch", content=body_of(lines, **parts), headers=headers)


async def campaign(
    service: Service,
    lines: Sequence[object],
    **parts: Any,  # noqa: ANN401 - as above
) -> tuple[str, list[dict[str, Any]], dict[str, Any]]:
    """A campaign as lines: its id, the answers, and the summary."""
    answered = await stream(service, lines, **parts)
    assert answered.status_code == 200, answered.text
    first, *answers, last = [json.loads(each) for each in answered.text.splitlines()]
    assert last["summary"]["campaign"] == first["campaign"]
    return first["campaign"], answers, last["summary"]
