"""Restarts that nobody notices: two services behind a front door; one that is full when it has to stop."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import asyncpg
import httpx

from service.cli.demo.theatre import free_port
from service.client import AsyncLedger
from tests.support.front_door import a_front_door
from tests.support.http_service import question
from tests.support.patience import until
from tests.support.survival_stage import Door, Stage

RECORDERS = 4
ROUNDS = 2
GRACE_SECONDS = 25
STREAM = "/v1/events/stream"
WAITING = 40


async def stop(door: Door) -> int:
    """Ask it to stop, as an orchestrator does, and wait for its end: the exit status."""
    door.run.signal(signal.SIGTERM)
    return await asyncio.to_thread(door.run.wait, GRACE_SECONDS)


class Load:
    """Callers that retry as the client library does, while services come and go."""

    def __init__(self, ledger: AsyncLedger, events: Iterable[dict[str, Any]], after: int) -> None:
        self._ledger = ledger
        self._events = iter(events)
        self._after = after
        self.receipts: list[int] = []
        self.heard: list[int] = []
        self.streamed: list[int] = []
        self.checks = 0

    def is_beyond(self, count: int) -> bool:
        """Whether so many receipts are there."""
        return len(self.receipts) >= count

    async def record(self) -> None:
        """Record one event after the other."""
        for event in self._events:
            self.receipts.append((await self._ledger.record(event)).index)
            await asyncio.sleep(0.05)

    async def ask(self) -> None:
        """Ask again and again; whatever is no answer raises."""
        while True:
            await self._ledger.check(question())
            self.checks += 1
            await asyncio.sleep(0.02)

    async def follow(self) -> None:
        """Hear of everything."""
        async for event in self._ledger.follow(after=self._after):
            self.heard.append(event["data"]["position"])

    async def listen(self, url: str, key: str) -> None:
        """Hear of everything by server-sent events; a stream that ends is begun again where it ended."""
        headers = {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
            while True:
                last = str(self.streamed[-1] if self.streamed else self._after)
                with suppress(httpx.TransportError):
                    async with client.stream("GET", STREAM, headers={"last-event-id": last}) as stream:
                        async for line in stream.aiter_lines():
                            if line.startswith("id:"):
                                self.streamed.append(int(line[3:]))
                await asyncio.sleep(0.1)


@asynccontextmanager
async def running(*work: Any) -> AsyncIterator[list[asyncio.Task[None]]]:  # noqa: ANN401 - coroutines
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_services_are_restarted_one_after_the_other_and_nobody_notices(stage: Stage) -> None:
    events = stage.workload("rolling", 160)
    last = (await asyncio.to_thread(stage.log)).size - 1
    ports = (free_port(), free_port())
    doors = [await asyncio.to_thread(stage.start, port=port) for port in ports]
    with a_front_door(*ports) as front:
        url = f"http://127.0.0.1:{front.port}"
        async with AsyncLedger(url, stage.key) as ledger:
            load = Load(ledger, events, last)
            recorders = [load.record() for _ in range(RECORDERS)]
            listening = load.listen(url, stage.key)
            async with running(load.ask(), load.follow(), listening, *recorders) as tasks:
                for _ in range(ROUNDS):
                    for number, door in enumerate(doors):
                        seen = len(load.receipts)
                        assert await stop(door) == 0
                        doors[number] = await asyncio.to_thread(stage.start, port=ports[number])
                        await until(partial(load.is_beyond, min(seen + 20, len(events))))
                await asyncio.gather(*tasks[3:])
                await until(lambda: min(len(load.heard), len(load.streamed)) >= len(events))
                assert not any(task.done() for task in tasks[:3]), "what goes on for ever failed"
    for door in doors:
        assert await stop(door) == 0
    assert load.checks > ROUNDS
    assert load.heard == load.streamed == sorted(load.receipts)
    await asyncio.to_thread(stage.assert_survived)


async def test_a_full_service_with_open_streams_finishes_what_it_accepted_and_stops_in_time(
    stage: Stage,
) -> None:
    events = stage.workload("draining", WAITING)
    door = await asyncio.to_thread(stage.start)
    headers = {"authorization": f"Bearer {stage.key}"}
    base = f"http://127.0.0.1:{door.port}"
    async with (
        httpx.AsyncClient(base_url=base, headers=headers, timeout=60) as client,
        client.stream("GET", f"{STREAM}?after=now") as stream,
    ):
        lines = stream.aiter_lines()
        await anext(lines)
        async with head_is_held(stage) as connection:
            waiting = [asyncio.ensure_future(client.post("/v1/events", json=event)) for event in events]
            await until(lambda: held_up(connection))
            await asyncio.sleep(0.5)  # so that those behind the first batch stand in the queue
            door.run.signal(signal.SIGTERM)
            await asyncio.sleep(0.5)  # it has begun to stop, and nothing can be committed yet
            assert not any(answer.done() for answer in waiting)
        answers = await asyncio.gather(*waiting)
        told = [line async for line in lines]
    assert {answer.status_code for answer in answers} == {201}
    assert await asyncio.to_thread(door.run.wait, GRACE_SECONDS) == 0
    assert told, "the stream was ended by the service, whole"
    await asyncio.to_thread(stage.assert_survived)


@asynccontextmanager
async def head_is_held(stage: Stage) -> AsyncIterator[asyncpg.Connection]:
    """Somebody holds the lock that every append needs."""
    connection = await asyncpg.connect(stage.server.dsn)
    try:
        async with connection.transaction():
            await connection.execute("SELECT FROM log_head FOR UPDATE")
            yield connection
    finally:
        await connection.close()


async def held_up(connection: asyncpg.Connection) -> bool:
    waits = "SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    return bool(await connection.fetch(waits))
