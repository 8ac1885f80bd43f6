"""Campaigns over real sockets: answers while lines still come, in constant memory, whoever leaves."""

import asyncio
import contextlib
import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from service.cli.demo.theatre import Client, create_key, free_port, program, wait_until_ready
from tests.support.campaigns import DEFAULTS, line
from tests.support.http_service import JANE, grant, question
from tests.support.patience import until

HEADER = json.dumps({"defaults": DEFAULTS}).encode() + b"\n"
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, int]]:
    """A service in a process of its own, and its process id."""
    data = tmp_path_factory.mktemp("ledger")
    for part in (data, *data.parents[:2]):
        part.chmod(0o711)  # the embedded server's own user has to pass through
    port, log = free_port(), data / "service.log"
    with log.open("wb") as written:
        arguments = program("serve", "--port", str(port), "--data", str(data), "--example-sender")
        service = subprocess.Popen(arguments, stdout=written, stderr=written, env=ENVIRONMENT)
    try:
        wait_until_ready(service, port, log)
        client = Client(port, create_key(data, ENVIRONMENT))
        client.post("/v1/events", grant())
        yield client, service.pid
    finally:
        service.terminate()
        service.wait(30)


class Stream:
    """One campaign on a socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, piece: bytes) -> None:
        """Send a piece of the body; an empty one ends it."""
        self.writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    async def answers(self) -> AsyncIterator[dict[str, Any]]:
        """Whatever comes, line by line, up to the summary."""
        while raw := await asyncio.wait_for(self.reader.readline(), 60):
            if raw.startswith(b"{"):
                yield json.loads(raw)
                if raw.startswith(b'{"summary"'):
                    return


@asynccontextmanager
async def a_stream(client: Client) -> AsyncIterator[Stream]:
    """Begin a campaign."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port, limit=1 << 20)
    head = (
        f"POST /v1/checks/batch HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {client.key}\r\n"
        "content-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    writer.write(head.encode())
    stream = Stream(reader, writer)
    stream.send(HEADER)
    try:
        yield stream
    finally:
        writer.transport.abort()  # at once: what was not taken of us will not be


def person(number: int) -> bytes:
    return json.dumps(line(f"person-{number}@example.org")).encode() + b"\n"


def resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0])


async def test_a_caller_may_wait_for_each_answer_before_the_next_line(served: tuple[Client, int]) -> None:
    client, _ = served
    async with a_stream(client) as stream:
        answers = stream.answers()
        assert "campaign" in await anext(answers)
        for number in range(1, 6):
            stream.send(person(number))
            answer = await anext(answers)
            assert (answer["line"], answer["decision"]) == (number, "deny")
        stream.send(b"")
        assert (await anext(answers))["summary"]["count"] == 5


async def test_a_withdrawal_during_a_campaign_is_honoured_from_then_on(served: tuple[Client, int]) -> None:
    client, _ = served
    address = {"kind": "email", "value": "leaving@example.org"}
    client.post("/v1/events", grant("leaving", address=address))
    asked = json.dumps({"address": address}).encode() + b"\n"
    async with a_stream(client) as stream:
        answers = stream.answers()
        campaign = (await anext(answers))["campaign"]
        stream.send(asked)
        before = await anext(answers)
        gone = {"type": "consent_withdrawn", "source_event_id": "gone", "sender": "acme", "address": address}
        event = gone | {"occurred_at": "2026-03-01T00:00:00Z", "scope": "all_marketing"}
        receipt = await asyncio.to_thread(client.post, "/v1/events", event)
        stream.send(asked)
        after = await anext(answers)
        stream.send(b"")
        summary = (await anext(answers))["summary"]
    assert (before["decision"], after["decision"]) == ("allow", "deny")
    assert before["position"] < receipt["position"] <= after["position"]
    assert (summary["from_position"], summary["to_position"]) == (before["position"], after["position"])
    for number in (1, 2):
        body = {"campaign": campaign, "line": number, "address": address}
        status, bundle = await asyncio.to_thread(client.call, "POST", "/v1/proofs", body)
        assert status == 200
        assert json.loads(bundle)["decision"]["decision"] == ("allow", "deny")[number - 1]


async def test_a_hundred_thousand_lines_come_back_in_order_in_flat_memory(served: tuple[Client, int]) -> None:
    client, pid = served
    count, expected, peak = 100_000, 0, 0

    async def send(stream: Stream) -> None:
        for start in range(0, count, 1_000):
            stream.send(b"".join(map(person, range(start, start + 1_000))))
            await stream.writer.drain()
        stream.send(b"")

    async with a_stream(client) as stream:
        sending = asyncio.create_task(send(stream))
        settled = 0
        async for said in stream.answers():
            if "line" in said:
                expected += 1
                assert said["line"] == expected
                if expected % 10_000 == 0:
                    peak = max(peak, resident_kib(pid))
                    settled = settled or peak
        await sending
    assert said["summary"]["count"] == expected == count
    assert peak < settled + 30_000  # the answers alone are 35 MB


async def test_who_does_not_read_is_not_read_from_either(served: tuple[Client, int]) -> None:
    client, pid = served
    before, sent = resident_kib(pid), 0
    piece = b"".join(map(person, range(1_000)))
    async with a_stream(client) as stream:
        with contextlib.suppress(TimeoutError):
            for _ in range(2_000):
                stream.send(piece)
                await asyncio.wait_for(stream.writer.drain(), 1)
                sent += len(piece)
    assert sent < 60_000_000
    assert resident_kib(pid) < before + 60_000


async def test_a_caller_who_leaves_leaves_a_record_of_what_was_answered(served: tuple[Client, int]) -> None:
    client, _ = served
    async with a_stream(client) as stream:
        answers = stream.answers()
        campaign = (await anext(answers))["campaign"]
        stream.send(json.dumps({"address": JANE}).encode() + b"\n")
        assert (await anext(answers))["decision"] == "allow"
    body = {"campaign": campaign, "line": 1, "address": JANE}

    async def recorded() -> bool:
        return (await asyncio.to_thread(client.call, "POST", "/v1/proofs", body))[0] == 200

    await until(recorded)
    _, bundle = await asyncio.to_thread(client.call, "POST", "/v1/proofs", body)
    record = json.loads(bundle)["campaign"]["event"]["record"]["event"]
    assert (record["complete"], record["count"]) == (False, 1)
    assert client.post("/v1/checks", question())["decision"] == "allow"
