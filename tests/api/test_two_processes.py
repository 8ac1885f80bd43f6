"""Two worker processes behind one socket: what is sent to both at once is done once."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.http_service import grant

ROOT = Path(__file__).resolve().parents[2]
KEY = re.compile(r"clk_[0-9a-z]{12}_[A-Za-z0-9_-]{43}[0-9a-f]{8}")
URL = re.compile(r"http://127\.0\.0\.1:\d+")
TOGETHER = 16
QUOTA = 200
ROOM_SECONDS = 30
PATIENCE_SECONDS = 120


@pytest.fixture
async def clients(database_dsn: str, tmp_path: Path) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Clients with a connection each, so that the kernel deals them out to both workers."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service", "serve", "--port", "0", "--workers", "2", "--example-sender"),
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_dsn, "CONSENT_LEDGER_DATA_DIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert program.stdout is not None
    said = ""
    async with asyncio.timeout(60):
        while not (KEY.search(said) and URL.search(said)):
            said += (await program.stdout.readline()).decode()
    url, key = URL.search(said), KEY.search(said)
    assert url is not None
    assert key is not None
    headers = {"authorization": f"Bearer {key[0]}"}
    opened = [httpx.AsyncClient(base_url=url[0], headers=headers) for _ in range(TOGETHER)]
    yield opened
    for client in opened:
        await client.aclose()
    program.send_signal(signal.SIGTERM)
    await program.wait()


async def send(clients: list[httpx.AsyncClient], bodies: list[dict[str, Any]], **headers: str) -> list[Any]:
    """Send each body by another client, all at once."""
    asked = (
        client.post("/v1/events", json=body, headers=headers)
        for client, body in zip(clients, bodies, strict=True)
    )
    return list(await asyncio.gather(*asked))


async def test_what_comes_to_both_workers_at_once_is_done_once(clients: list[httpx.AsyncClient]) -> None:
    same = await send(clients, [grant("same")] * TOGETHER)
    assert sorted(answer.status_code for answer in same) == [200] * (TOGETHER - 1) + [201]
    assert len({answer.json()["index"] for answer in same}) == 1
    assert all(answer.json()["replayed"] == (answer.status_code == 200) for answer in same)

    others = [grant("other", categories=[f"c{number}"]) for number in range(TOGETHER)]
    conflicts = await send(clients, others)
    assert sorted(answer.status_code for answer in conflicts) == [201] + [409] * (TOGETHER - 1)

    keyed = await send(clients, [grant("keyed")] * TOGETHER, **{"idempotency-key": '"k"'})
    statuses = {answer.status_code for answer in keyed}
    assert 201 in statuses
    assert statuses <= {201, 409}
    first = next(answer for answer in keyed if answer.status_code == 201)
    retry = (await send(clients[:1], [grant("keyed")], **{"idempotency-key": '"k"'}))[0]
    assert (retry.status_code, retry.content) == (201, first.content)
    assert retry.headers["idempotency-replayed"] == "true"


async def ask(clients: list[httpx.AsyncClient], headers: dict[str, str]) -> list[int]:
    """What each of the clients is answered, all at once."""
    answers = await asyncio.gather(*(client.get("/v1/senders", headers=headers) for client in clients))
    return [answer.status_code for answer in answers]


async def asked_until(clients: list[httpx.AsyncClient], headers: dict[str, str], status: int) -> int:
    """Ask until all clients, and so both workers, answer `status`; how many were answered 200 before."""
    admitted = 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (statuses := await ask(clients, headers)) != [status] * len(clients):
            assert set(statuses) <= {200, 401, 429}
            admitted += statuses.count(200)
            await asyncio.sleep(0.2)
    return admitted


async def begin_of_a_minute(clients: list[httpx.AsyncClient], headers: dict[str, str]) -> None:
    """Wait until the quota's window has most of its minute before it."""
    limit = (await clients[0].get("/v1/senders", headers=headers)).headers["ratelimit"]
    left = int(limit.split("t=")[1].split(",")[0])
    if left < ROOM_SECONDS:
        await asyncio.sleep(left)


async def test_a_quota_is_counted_once_and_a_revocation_holds_in_both_workers(
    clients: list[httpx.AsyncClient],
) -> None:
    wanted = {"label": "small", "scopes": ["record:read"], "requests_per_minute": QUOTA}
    made = (await clients[0].post("/v1/keys", json=wanted)).json()
    small = {"authorization": f"Bearer {made['key']}"}
    await begin_of_a_minute(clients, small)
    # Each worker by itself would admit the quota: 400. What slips through meanwhile is less.
    assert await asked_until(clients, small, 429) < QUOTA * 3 // 2
    await clients[0].delete(f"/v1/keys/{made['details']['id']}")
    await asked_until(clients, small, 401)
