"""The wrapping key is replaced under load, by the commands, while two services are restarted in turn."""

import asyncio
import json
from collections.abc import Iterator
from functools import partial

from service.cli.demo.theatre import free_port
from service.client import AsyncLedger
from tests.story.test_rolling_restart import Load, running, stop
from tests.support.front_door import a_front_door
from tests.support.patience import until
from tests.support.survival_stage import Door, Stage
from tests.support.workload import Event, as_superuser

RECORDERS = 2
ENOUGH = 5_000


class Supply:
    """Events until it is over."""

    def __init__(self, events: list[Event]) -> None:
        self._events = iter(events)
        self.taken = 0
        self.over = False

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        """The next one."""
        if self.over:
            raise StopIteration
        self.taken += 1
        return next(self._events)


async def step(stage: Stage, *arguments: str) -> tuple[int, str]:
    return await asyncio.to_thread(stage.call, "keys", "wrapping", *arguments)


async def restart(stage: Stage, doors: list[Door], load: Load) -> None:
    """One after the other; each has callers again before the next one stops."""
    for number, door in enumerate(doors):
        seen = len(load.receipts)
        assert await stop(door) == 0
        doors[number] = await asyncio.to_thread(stage.start, port=door.port)
        await until(partial(load.is_beyond, seen + 5))


async def test_a_key_is_replaced_under_load_and_nobody_notices(stage: Stage) -> None:
    await asyncio.to_thread(stage.count_what_is_there)
    # Services that other tests killed stand in the way for a minute.
    await as_superuser(stage.server.dsn, "DELETE FROM key_holder")
    events = Supply(stage.workload("wrapping", ENOUGH))
    last = (await asyncio.to_thread(stage.log)).size - 1
    doors = [await asyncio.to_thread(stage.start, port=free_port()) for _ in range(2)]
    with a_front_door(*(door.port for door in doors)) as front:
        url = f"http://127.0.0.1:{front.port}"
        async with AsyncLedger(url, stage.key) as ledger:
            load = Load(ledger, events, last)
            recorders = [load.record() for _ in range(RECORDERS)]
            async with running(load.ask(), load.follow(), *recorders) as tasks:
                assert (await step(stage, "add"))[0] == 0
                assert (await step(stage, "switch"))[0] == 2
                await restart(stage, doors, load)
                assert (await step(stage, "switch"))[0] == 0
                assert (await step(stage, "retire", "--now"))[0] == 2
                await restart(stage, doors, load)
                assert (await step(stage, "rewrap"))[0] == 0
                assert (await step(stage, "retire", "--now"))[0] == 0
                await restart(stage, doors, load)
                assert not any(task.done() for task in tasks[:2]), "what goes on for ever failed"
                events.over = True
                await asyncio.gather(*tasks[2:])
                found = json.loads((await step(stage, "status", "--json"))[1])
    assert (len(found["keys"]), found["unopened"], len(found["processes"])) == (1, {}, 2)
    for door in doors:
        assert await stop(door) == 0
    assert load.checks > len(doors)
    stage.sent -= ENOUGH - events.taken
    await asyncio.to_thread(stage.assert_survived)
