"""Events as lines over a real socket: a caller may wait for each receipt before it sends the next line."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.http_service import Service, grant
from tests.support.raw_http import listening

PATIENCE_SECONDS = 20


class EventStream:
    """One stream of events on a socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, *pieces: bytes) -> None:
        """Send pieces of the body; an empty one ends it."""
        for piece in pieces:
            self._writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await self._writer.drain()

    async def line(self) -> dict[str, Any]:
        """The next line of the answer."""
        while True:
            raw = await asyncio.wait_for(self._reader.readline(), PATIENCE_SECONDS)
            assert raw, "the answer ended"
            if raw.startswith(b"{"):
                line: dict[str, Any] = json.loads(raw)
                return line


@asynccontextmanager
async def a_stream(service: Service) -> AsyncIterator[EventStream]:
    async with listening(service.app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /v1/events/batch HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n"
            b"content-type: application/x-ndjson\r\nauthorization: %b\r\n\r\n"
            % service.client.headers["authorization"].encode()
        )
        try:
            yield EventStream(reader, writer)
        finally:
            writer.transport.abort()


def yes(number: int) -> bytes:
    return json.dumps(grant(f"line-{number}")).encode() + b"\n"


async def test_each_receipt_comes_before_the_next_line_is_sent(service: Service) -> None:
    async with a_stream(service) as stream:
        positions = []
        for number in range(4):
            await stream.send(yes(number))
            said = await stream.line()
            assert said["status"] == 201
            positions.append(said["receipt"]["position"])
        await stream.send(b"")
        assert (await stream.line())["summary"] == {"recorded": 4, "replayed": 0, "refused": 0}
    assert positions == sorted(set(positions))


async def test_a_line_that_is_refused_is_told_as_soon(service: Service) -> None:
    async with a_stream(service) as stream:
        for line, status in ((b"{broken\n", 400), (yes(0), 201), (yes(0), 200), (b'{"type":"x"}\n', 400)):
            await stream.send(line)
            assert (await stream.line())["status"] == status
        await stream.send(b"")
        assert (await stream.line())["summary"] == {"recorded": 1, "replayed": 1, "refused": 2}


async def test_half_a_line_waits_for_its_other_half_and_holds_up_no_receipt(service: Service) -> None:
    async with a_stream(service) as stream:
        await stream.send(yes(0) + yes(1)[:40])
        assert (await stream.line())["status"] == 201
        await stream.send(yes(1)[40:], b"")
        assert (await stream.line())["status"] == 201
        assert (await stream.line())["summary"]["recorded"] == 2


async def test_many_lines_at_once_keep_their_order(service: Service) -> None:
    async with a_stream(service) as stream:
        await stream.send(*(yes(number) for number in range(600)), b"")
        indices = [(await stream.line())["receipt"]["index"] for _ in range(600)]
        assert (await stream.line())["summary"]["recorded"] == 600
    assert indices == sorted(indices)


async def test_an_endless_line_is_refused_after_the_receipts_before_it(service: Service) -> None:
    async with a_stream(service) as stream:
        await stream.send(yes(0) + b"x" * 70_000)
        assert [(await stream.line())["status"] for _ in range(2)] == [201, 413]
        assert (await stream.line())["summary"] == {"recorded": 1, "replayed": 0, "refused": 1}
