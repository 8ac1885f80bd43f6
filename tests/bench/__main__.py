"""`make bench`: what the service does on this machine, each figure beside the ceiling of the same run.

Figures of one machine move with its neighbours; the ratios are what to quote. `--quick` takes a third.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from service.cli.demo.theatre import Client, opened
from service.core.verifier import verify_bundle
from service.settings import read_settings
from service.wiring.database import database
from tests.bench import bench_campaign
from tests.bench.ceilings import bare_endpoint
from tests.bench.load import Measured, drive, request, stream
from tests.support.http_service import JANE, grant, question

ROUNDS = 3


def event(number: int) -> bytes:
    """The consent of somebody nobody has seen before."""
    address = {"kind": "email", "value": f"person-{number}@example.org"}
    return json.dumps(grant(f"bench-{number}", address=address)).encode()


def median(rounds: list[Measured]) -> Measured:
    """The round in the middle, by rate."""
    return sorted(rounds, key=lambda each: each.per_second)[len(rounds) // 2]


async def copy_ceiling(dsn: str, lines: list[bytes]) -> float:
    """Rows a second when the same bytes go into a plain table by COPY, fsync on, 256 a transaction."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS ceiling (id bigserial PRIMARY KEY, body bytea)")
        started = time.perf_counter()
        for start in range(0, len(lines), 256):
            rows = [(line,) for line in lines[start : start + 256]]
            await connection.copy_records_to_table("ceiling", records=rows, columns=["body"])
        return len(lines) / (time.perf_counter() - started)
    finally:
        await connection.execute("DROP TABLE ceiling")
        await connection.close()


async def measure(client: Client, dsn: str, scale: int) -> dict[str, Any]:
    """Every figure, as numbers."""
    numbers = iter(range(10**9))
    singles, checks, bulk = [], [], []
    for _ in range(ROUNDS):
        requests = [request("/v1/events", event(next(numbers)), client.key) for _ in range(scale)]
        singles.append(await drive(client.port, requests))
        lines = [event(next(numbers)) for _ in range(4 * scale)]
        bulk.append(await stream(client.port, "/v1/events/batch", lines, client.key))
        asked = [
            question(proof="token", address={**JANE, "value": f"person-{n}@example.org"})
            for n in range(scale)
        ]
        bodies = [request("/v1/checks", json.dumps(each).encode(), client.key) for each in asked]
        checks.append(await drive(client.port, bodies))
    with bare_endpoint() as port:
        bare = await drive(port, [request("/", event(n), "-") for n in range(2 * scale)])
    return {
        "single_appends": median(singles),
        "bare_endpoint": bare,
        "checks_with_token": median(checks),
        "bulk_events_per_second": statistics.median(bulk),
        "copy_rows_per_second": await copy_ceiling(dsn, [event(n) for n in range(4 * scale)]),
    }


def measure_bundle(client: Client) -> dict[str, float]:
    """Size of a bundle of five events, and how long building and verifying take."""
    for number in range(5):
        client.post("/v1/events", grant(f"five-{number}"))
    built, bundle = [], b""
    for _ in range(5):
        started = time.perf_counter()
        _, bundle = client.call("POST", "/v1/proofs", question(disclose=True))
        built.append(time.perf_counter() - started)
    verified = []
    for _ in range(5):
        started = time.perf_counter()
        assert verify_bundle(bundle).verified
        verified.append(time.perf_counter() - started)
    parts = {name: len(json.dumps(part)) for name, part in json.loads(bundle).items()}
    return {
        "bytes": len(bundle),
        "bytes_of_rulebook_and_packs": parts["documents"],
        "build_ms": statistics.median(built) * 1000,
        "verify_ms": statistics.median(verified) * 1000,
    }


def show(figures: dict[str, Any], bundle: dict[str, float]) -> None:
    """The table."""
    bare: Measured = figures["bare_endpoint"]
    rows = [f"an endpoint that only parses: {bare.per_second:,.0f}/s, p50 {bare.p50_ms:.1f} ms"]
    for name, title in (
        ("single_appends", "appends, one by one"),
        ("checks_with_token", "checks with token"),
    ):
        got: Measured = figures[name]
        rows.append(
            f"{title}: {got.per_second:,.0f}/s, p50 {got.p50_ms:.1f} ms, p99 {got.p99_ms:.1f} ms;"
            f" {got.per_second / bare.per_second:.2f} of that endpoint"
        )
    bulk, copied = figures["bulk_events_per_second"], figures["copy_rows_per_second"]
    rows.append(
        f"appends, as lines: {bulk:,.0f}/s; {bulk / copied:.2f} of COPY of the same bytes ({copied:,.0f}/s)"
    )
    rows.append(
        f"bundle of 5 events: {bundle['bytes'] / 1024:.1f} KiB, of it rulebook and packs"
        f" {bundle['bytes_of_rulebook_and_packs'] / 1024:.1f} KiB;"
        f" built in {bundle['build_ms']:.1f} ms, verified in {bundle['verify_ms']:.1f} ms"
    )
    print("\n".join(rows))  # noqa: T201 - this is its output


def main() -> None:
    """Run everything against a service and database of its own; `campaign`: the campaign alone."""
    if "campaign" in sys.argv:
        bench_campaign.main()
        return
    scale = 700 if "--quick" in sys.argv else 2_000
    with tempfile.TemporaryDirectory(prefix="consent-ledger-bench-") as folder:
        data = Path(folder)
        data.chmod(0o711)
        with opened(data) as client, database(read_settings({}, data_dir=data)) as dsn:
            client.post("/v1/senders", {"id": "acme", "legal_name": "Acme B.V.", "country": "NL"})
            figures = asyncio.run(measure(client, dsn, scale))
            bundle = measure_bundle(client)
    print(f"Measured {datetime.now(UTC):%Y-%m-%d}, {ROUNDS} rounds, medians")  # noqa: T201 - as above
    show(figures, bundle)


if __name__ == "__main__":
    main()
