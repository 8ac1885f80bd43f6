"""Streams over a real socket: server-sent events and lines, resumed, kept alive, ended in time."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from service.api.app import create_app
from tests.support.http_service import Service, grant, running, withdrawal


@pytest.fixture
async def served(database_dsn: str, tmp_path: Path) -> AsyncIterator[tuple[Service, str]]:
    async with running(database_dsn, tmp_path) as service:
        services = service.composition.services
        services.streams.seconds, services.streams.heartbeat_seconds = 600, 0.3
        config = uvicorn.Config(create_app(services), port=0, log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        await until(lambda: server.started)
        yield service, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await task


async def until(reached: Callable[[], bool]) -> None:
    """Wait for something that tells nobody."""
    async with asyncio.timeout(60):
        while not reached():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


class Listening:
    """A stream, read in the background."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.text = ""
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        with suppress(httpx.ReadError):  # this side hung up
            async for chunk in self.response.aiter_text():
                self.text += chunk

    async def hears(self, text: str) -> str:
        """Everything heard so far, once this is among it."""
        await until(lambda: text in self.text)
        return self.text

    async def ends(self) -> None:
        """The service ends the stream."""
        await asyncio.wait_for(self._reading, 60)


@asynccontextmanager
async def listening(service: Service, url: str, **headers: str) -> AsyncIterator[Listening]:
    headers = {"authorization": service.client.headers["authorization"], **headers}
    async with (
        httpx.AsyncClient(timeout=30) as client,
        client.stream("GET", f"{url}/v1/events/stream", headers=headers) as response,
    ):
        assert response.status_code == 200, await response.aread()
        yield Listening(response)


def messages(text: str) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


async def test_what_was_recorded_and_what_comes_is_told_with_its_position(
    served: tuple[Service, str],
) -> None:
    service, url = served
    first = (await service.record(grant())).json()["index"]
    async with listening(service, url) as stream:
        await stream.hears(f"id: {first}\nevent: consent_granted\n")
        second = (await service.record(withdrawal())).json()["index"]
        text = await stream.hears(f"id: {second}\nevent: consent_withdrawn\n")
    assert stream.response.headers["content-type"].startswith("text/event-stream")
    assert text.startswith("retry: 3000\n\n")
    assert [event["data"]["position"] for event in messages(text)][-2:] == [first, second]


async def test_a_stream_goes_on_after_the_last_event_id(served: tuple[Service, str]) -> None:
    service, url = served
    first = (await service.record(grant())).json()["index"]
    await service.record(withdrawal())
    async with listening(service, url, **{"last-event-id": str(first)}) as stream:
        text = await stream.hears("consent_withdrawn")
    assert [event["type"] for event in messages(text)] == ["consent_withdrawn"]


async def test_lines_are_told_to_those_who_ask_for_them(served: tuple[Service, str]) -> None:
    service, url = served
    await service.record(grant())
    async with listening(service, url, accept="application/x-ndjson") as stream:
        text = await stream.hears("consent_granted")
    assert all(json.loads(line)["specversion"] == "1.0" for line in text.splitlines() if line)


async def test_silence_is_filled_and_moves_the_last_event_id_on(served: tuple[Service, str]) -> None:
    service, url = served
    receipt = (await service.record(grant())).json()
    async with listening(service, url) as stream:
        await stream.hears(f": still here\nid: {receipt['position']}\n\n")


async def test_a_stream_ends_when_the_service_stops(served: tuple[Service, str]) -> None:
    service, url = served
    async with listening(service, url) as stream:
        await stream.hears("retry")
        service.composition.services.drain()
        await stream.ends()


async def test_a_stream_ends_by_itself_after_its_time(served: tuple[Service, str]) -> None:
    service, url = served
    service.composition.services.streams.seconds = 0.5
    async with listening(service, url) as stream:
        await stream.ends()


async def test_a_key_may_hold_so_many_streams_open_and_no_more(served: tuple[Service, str]) -> None:
    service, url = served
    service.composition.services.streams.per_key_max = 1
    async with listening(service, url) as stream:
        await stream.hears("retry")
        headers = {"authorization": service.client.headers["authorization"]}
        async with httpx.AsyncClient() as client:
            refused = await client.get(f"{url}/v1/events/stream", headers=headers)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    open_streams = service.composition.services.streams._open  # noqa: SLF001 - a key's are counted inside
    await until(lambda: not any(open_streams.values()))
    async with listening(service, url) as stream:
        await stream.hears("retry")
