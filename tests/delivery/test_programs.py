"""The programs: `subscriptions`, `worker` and `serve --with-worker`, as processes of their own."""

import asyncio
import http.client
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from service.cli.demo.theatre import free_port
from tests.support.http_service import running, withdrawal
from tests.support.patience import until
from tests.support.program_nursery import Nursery
from tests.support.webhook_receiver import Receiver


def environment(dsn: str, data: Path) -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": dsn,
        "CONSENT_LEDGER_DATA_DIR": str(data),
        "CONSENT_LEDGER_ALLOW_PRIVATE_SINKS": "true",
    }


async def program(nursery: Nursery, dsn: str, data: Path, *arguments: str) -> tuple[int, str]:
    done = await asyncio.to_thread(nursery.run, *arguments, environment=environment(dsn, data))
    assert b"Traceback" not in done.stderr
    return done.returncode, done.stdout.decode()


async def subscriptions(nursery: Nursery, dsn: str, data: Path, *arguments: str) -> Any:  # noqa: ANN401 - JSON
    status, out = await program(nursery, dsn, data, "subscriptions", *arguments, "--json")
    assert status == 0
    return json.loads(out)


@asynccontextmanager
async def started(dsn: str, data: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service", *arguments),
        env=environment(dsn, data),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 20) == 0, "it ends by itself, cleanly"


async def test_a_subscription_is_begun_followed_and_ended_from_the_command_line(
    nursery: Nursery, database_dsn: str, tmp_path: Path, receiver: Receiver
) -> None:
    own = (database_dsn, tmp_path)
    async with running(*own, allow_private_sinks=True) as service, started(*own, "worker"):
        asked = ("create", "--name", "CRM", "--url", receiver.url, "--type", "consent_withdrawn")
        made = await subscriptions(nursery, *own, *asked)
        assert made["secret"].startswith("whsec_")
        name = made["id"]
        await verified(receiver)
        position = (await service.record(withdrawal())).json()["index"]
        await receiver.heard(1)
        assert receiver.positions == [position]

        async def is_recorded() -> bool:
            attempts = await subscriptions(nursery, *own, "attempts", name, str(position))
            return [attempt["outcome"] for attempt in attempts] == ["delivered"]

        await until(is_recorded)
        (listed,) = await subscriptions(nursery, *own, "list")
        assert listed["backlog"] == 0
        assert (await subscriptions(nursery, *own, "pause", name))["status"] == "paused"
        assert (await subscriptions(nursery, *own, "rotate", name, "--overlap", "60"))["secret"] != made[
            "secret"
        ]
        await subscriptions(nursery, *own, "delete", name)
        assert await subscriptions(nursery, *own, "list") == []


async def test_serve_with_worker_delivers_by_itself(
    database_dsn: str, tmp_path: Path, receiver: Receiver
) -> None:
    own, port = (database_dsn, tmp_path), free_port()
    arguments = ("serve", "--with-worker", "--port", str(port), "--example-sender")
    async with started(*own, *arguments) as service:
        assert service.stdout is not None
        key = ""
        while not key.startswith("clk_"):
            key = (await service.stdout.readline()).decode().strip()
        asked = {"name": "x", "url": receiver.url, "types": ["consent_withdrawn"]}
        assert await asyncio.to_thread(post, port, key, "/v1/subscriptions", asked) == 201
        await verified(receiver)
        assert await asyncio.to_thread(post, port, key, "/v1/events", withdrawal()) == 201
        await receiver.heard(1)


def post(port: int, key: str, path: str, body: object) -> int:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("POST", path, json.dumps(body), headers)
        return connection.getresponse().status


async def verified(receiver: Receiver) -> None:
    async with asyncio.timeout(20):
        while not receiver.requests:
            await receiver.news.wait()


WRONG = (
    ("show", "sub_nobody"),
    ("pause", "sub_nobody"),
    ("create", "--name", "x", "--url", "file:///etc/passwd"),
    ("replay", "sub_nobody", "1", "2"),
    ("replay", "sub_nobody", "--from", "yesterday"),
    ("move", "sub_nobody", "https://example.org/hook"),
    ("create", "--name", "x"),
)


async def test_a_wrong_command_is_one_line(nursery: Nursery, database_dsn: str, tmp_path: Path) -> None:
    async with running(database_dsn, tmp_path):
        done = await asyncio.gather(
            *(program(nursery, database_dsn, tmp_path, "subscriptions", *arguments) for arguments in WRONG)
        )
    assert done == [(2, "")] * len(WRONG)
