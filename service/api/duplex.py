"""An answer that is written while the question is still being read.

Litestar's own stream listens for a disconnect with the same `receive` that the handler reads the body from,
so each would take messages from the other. Here the handler alone reads; a caller who is gone is noticed when
it does, or when a write fails.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Send

from service.api.problems import ApiError

Arrived = TypeVar("Arrived")
Done = TypeVar("Done")


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


async def pipelined(
    arriving: AsyncIterator[Arrived], begin: Callable[[Arrived], Awaitable[asyncio.Task[Done]]], most: int
) -> AsyncGenerator[Done, None]:
    """Begin with each thing as it arrives, up to `most` at once, and yield what came of them in order.

    Each is yielded as soon as it is done, whether or not more arrives: a caller may wait for an answer before
    it sends the next line. An `ApiError` of reading is raised after what came before it was yielded.
    """
    under_way: deque[asyncio.Task[Done]] = deque()
    reading: asyncio.Task[Arrived | None] | None = _next(arriving)
    refusal: ApiError | None = None
    try:
        while reading or under_way:
            may_read = {reading} if reading and len(under_way) < most else set()
            await asyncio.wait({*may_read, *list(under_way)[:1]}, return_when=asyncio.FIRST_COMPLETED)
            if may_read and reading and reading.done():
                try:
                    arrived = reading.result()
                except ApiError as error:
                    arrived, refusal = None, error
                reading = None
                if arrived is not None:
                    under_way.append(await begin(arrived))
                    reading = _next(arriving)
            if under_way and under_way[0].done():
                yield under_way.popleft().result()
        if refusal is not None:
            raise refusal
    finally:
        for task in [*under_way, *([reading] if reading else [])]:
            task.cancel()


def _next(arriving: AsyncIterator[Arrived]) -> "asyncio.Task[Arrived | None]":
    async def read() -> Arrived | None:
        return await anext(arriving, None)

    return asyncio.create_task(read())
