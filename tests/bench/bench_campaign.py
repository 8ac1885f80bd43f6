"""A campaign against many subjects, beside its floor: `make bench ARGS=campaign`.

The subjects are loaded by COPY, past the log: their keys are the ledger's own and their standings are folded
from real events (consents, consents withdrawn again, purchases), but no entry of the log stands behind them.
Appending a million events takes minutes and adds nothing to what is measured: a check reads one row each.

`--lines N` sets how many lines there are, and as many subjects; half of the lines are known.
"""

import asyncio
import json
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import msgspec

from service.cli.demo.theatre import Client, create_key, free_port, program, wait_until_ready
from service.core.events import parse_event, record_body, recorded_from_body
from service.core.law.standing import EMPTY, encode_standing, fold
from service.core.records import subject_keys
from service.settings import read_settings
from service.wiring.database import database
from service.wiring.keys.files import keys_directory, load_keys
from tests.bench.floor import floor_endpoint
from tests.support.campaigns import DEFAULTS
from tests.support.http_service import grant, withdrawal

ROUNDS = 3
PIECE = 262_144
BASE_MS = 1_790_000_000_000


@dataclass
class Streamed:
    """One campaign: lines a second, seconds to the first answer and to the last line sent, memory in MiB."""

    per_second: float
    first_answer: float
    last_sent: float
    resident: list[float] = field(default_factory=list)


SALE = {
    "type": "purchase",
    "source_event_id": "p",
    "occurred_at": "2026-01-05T10:00:00Z",
    "sender": "acme",
    "seller": "acme",
    "product_category": "shoes",
    "optout_offered": True,
    "notice_given": True,
    "address": {"kind": "email", "value": "a@example.org"},
}
HISTORIES = ([grant()], [grant()], [grant()], [grant(), withdrawal()], [SALE])


class Histories:
    """What subjects have behind them, each at a time and place of its own, as the ledger folds it."""

    def __init__(self) -> None:
        self._recorded = [
            [recorded_from_body(record_body(parse_event(event), "address", None)) for event in events]
            for events in HISTORIES
        ]

    def standing(self, number: int) -> bytes:
        """The encoded standing of subject `number`."""
        standing = EMPTY
        for recorded in self._recorded[number % len(self._recorded)]:
            own = msgspec.structs.replace(recorded, occurred_ms=recorded.occurred_ms + number * 1_009)
            standing = fold(standing, own, index=number, recorded_at_ms=BASE_MS + number, forms={})
        return encode_standing(standing)


async def load(dsn: str, secret: bytes, count: int) -> None:
    """COPY so many subjects into ledger 1."""
    key_of, histories = subject_keys(secret, "email"), Histories()
    connection = await asyncpg.connect(dsn)
    try:
        for start in range(0, count, 50_000):
            rows = [
                (1, key_of(b"person-%d@example.org" % n), 1, n, bytes(32), histories.standing(n))
                for n in range(start, min(start + 50_000, count))
            ]
            columns = ["ledger_id", "subject_key", "event_count", "last_index", "chain", "standing"]
            await connection.copy_records_to_table("subject", records=rows, columns=columns)
        await connection.execute("VACUUM ANALYZE subject")
    finally:
        await connection.close()


def body_of(lines: int, subjects: int) -> bytes:
    """The lines, in random order: one half knows nobody, the other half is of the subjects."""
    chance = random.Random(7)  # noqa: S311 - repeatable, not secret
    rows = [
        b'{"address":{"kind":"email","value":"%b-%d@example.org"}}'
        % ((b"person", chance.randrange(subjects)) if at % 2 else (b"stranger", at))
        for at in range(lines)
    ]
    chance.shuffle(rows)
    return b"\n".join(rows) + b"\n"


async def _pieces(body: bytes, header: bytes) -> AsyncIterator[bytes]:
    if header:  # an empty piece would be the end of the body
        yield header
    for start in range(0, len(body), PIECE):
        yield body[start : start + PIECE]


async def run(port: int, path: str, key: str, body: bytes, header: bytes, pid: int | None) -> Streamed:
    """Send it all in pieces, as fast as it is taken, while the answers are read and counted."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n"
        "content-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    measured = Streamed(0, 0, 0)
    started = time.perf_counter()
    writer.write(head.encode())

    async def send() -> None:
        async for piece in _pieces(body, header):
            writer.writelines((b"%x\r\n" % len(piece), piece, b"\r\n"))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        measured.last_sent = time.perf_counter() - started

    sending = asyncio.create_task(send())
    tail, next_look = b"", 0.0
    while b'"summary"' not in tail:
        chunk = await reader.read(1 << 20)
        if not chunk:
            raise RuntimeError(f"the stream ended without a summary: {tail[-300:]!r}")
        now = time.perf_counter() - started
        measured.first_answer = measured.first_answer or (now if b'"line":1' in chunk else 0)
        if pid is not None and now > next_look:
            measured.resident.append(resident_mib(pid))
            next_look = now + 0.25
        tail = (tail + chunk)[-4096:]
    measured.per_second = body.count(b"\n") / (time.perf_counter() - started)
    await sending
    writer.close()
    return measured


def resident_mib(pid: int) -> float:
    """How much memory a process holds."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def serving(data: Path) -> Iterator[tuple[Client, int]]:
    """A service of its own over an empty ledger, and its process id."""
    port, log_path = free_port(), data / "service.log"
    with log_path.open("wb") as log:
        service = subprocess.Popen(
            program("serve", "--port", str(port), "--data", str(data), "--example-sender"),
            stdout=log,
            stderr=log,
        )
    try:
        wait_until_ready(service, port, log_path)
        yield Client(port, create_key(data, {})), service.pid
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(30)


async def measure(client: Client, pid: int, dsn: str, secret: bytes, size: tuple[int, int]) -> None:
    """Load, stream, and print the table."""
    subjects, lines = size
    started = time.perf_counter()
    await load(dsn, secret, subjects)
    print(f"{subjects:,} subjects loaded by COPY in {time.perf_counter() - started:.0f} s")  # noqa: T201 - output
    body = body_of(lines, subjects)
    header = json.dumps({"defaults": DEFAULTS}).encode() + b"\n"
    got, floors = [], []
    with floor_endpoint(dsn, secret) as port:
        for _ in range(ROUNDS):
            floors.append(await run(port, "/", "-", body, b"", None))
            got.append(await run(client.port, "/v1/checks/batch", client.key, body, header, pid))
    best = sorted(got, key=lambda each: each.per_second)[ROUNDS // 2]
    floor = sorted(each.per_second for each in floors)[ROUNDS // 2]
    memory = [mib for each in got for mib in each.resident]
    print(  # noqa: T201 - as above
        f"campaign of {lines:,} lines, half of them unknown: {best.per_second:,.0f} lines/s;"
        f" {best.per_second / floor:.2f} of the floor ({floor:,.0f}/s: HMAC, lookup, JSON, no decision);"
        f" first answer after {best.first_answer * 1000:.0f} ms, last line sent after {best.last_sent:.1f} s;"
        f" resident {memory[0]:.0f} MiB at the start, {max(memory):.0f} MiB at most, {memory[-1]:.0f} last"
    )


def main(count: int) -> None:
    """Run `count` lines against as many subjects, with a service and database of its own."""
    with tempfile.TemporaryDirectory(prefix="consent-ledger-bench-") as folder:
        data = Path(folder)
        data.chmod(0o711)
        with serving(data) as (client, pid), database(read_settings({}, data_dir=data)) as dsn:
            keys = load_keys(keys_directory(data, "main"), "ledger.localhost/main/1")
            asyncio.run(measure(client, pid, dsn, keys.subject_key_secret, (count, count)))
