"""An answer that is written while the question is still being read.

Litestar's own stream listens for a disconnect with the same `receive` that the handler reads the body from,
so each would take messages from the other. Here the handler alone reads; a caller who is gone is noticed when
it does, or when a write fails.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Send


class _DuplexBody(ASGIResponse):
    _should_set_content_length = False

    def __init__(self, chunks: AsyncGenerator[bytes, None], **parts: Any) -> None:  # noqa: ANN401 - as its base
        super().__init__(**parts)
        self._chunks = chunks

    async def send_body(self, send: Send, receive: Receive) -> None:  # noqa: ARG002 - see the module
        """Send what is produced until it ends."""
        async with aclosing(self._chunks) as chunks:
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Duplex(Response[bytes]):
    """A response whose chunks may depend on a body that is still arriving."""

    def __init__(self, chunks: AsyncGenerator[bytes, None], *, media_type: str) -> None:
        super().__init__(b"", status_code=200, media_type=media_type, headers={"cache-control": "no-store"})
        self._chunks = chunks

    def to_asgi_response(self, *_arguments: Any, **parts: Any) -> ASGIResponse:  # noqa: ANN401 - as its base
        """The response as Litestar sends it."""
        kept = ("background", "cookies", "encoded_headers", "is_head_response")
        return _DuplexBody(
            self._chunks,
            **{name: parts[name] for name in kept if parts.get(name) is not None},
            headers={name: str(value) for name, value in self.headers.items()},
            media_type=self.media_type,
            status_code=self.status_code,
        )
