"""`make bench`: what the service does on this machine, each figure beside the ceiling of the same run.

`ARGS="append check"` picks parts; `ARGS=campaign` is the part that runs only when it is named (`--lines N`).
`--quick` takes a third of the requests, and `--subjects N` says how many others the bundle's person is among.
Figures of one machine move with its neighbours: the ratios are what to quote.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service.cli.demo.theatre import Client, opened
from service.settings import read_settings
from service.wiring.database import database
from tests.bench import bench_campaign
from tests.bench.bench_bundle import measure_bundle
from tests.bench.bench_decide import measure_decide
from tests.bench.bench_delivery import measure_delivery
from tests.bench.bench_export import measure_export
from tests.bench.bench_exporting import measure_exporting
from tests.bench.bench_known_unknown import measure_unknown
from tests.bench.bench_replay import measure_replay
from tests.bench.bench_service import measure_appends, measure_checks
from tests.bench.bench_streams import measure_streams
from tests.bench.bench_unsubscribe import measure_unsubscribe
from tests.bench.table import Line, show

Served = Callable[[Client, str, int], Coroutine[Any, Any, list[Line]]]
SERVED: dict[str, Served] = {
    "append": measure_appends,
    "check": measure_checks,
    "unknown": measure_unknown,
    "streams": measure_streams,
}
PARTS = (*SERVED, "decide", "unsubscribe", "bundle", "replay", "export", "exporting", "delivery")
CAMPAIGN = "campaign"


def served(parts: list[str], scale: int) -> list[Line]:
    """What is measured on a running service with a database of its own."""
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="consent-ledger-bench-") as folder:
        data = Path(folder)
        data.chmod(0o711)
        with opened(data) as client, database(read_settings({}, data_dir=data)) as dsn:
            client.post("/v1/senders", {"id": "acme", "legal_name": "Acme B.V.", "country": "NL"})
            for part in parts:
                lines += asyncio.run(SERVED[part](client, dsn, scale))
    return lines


def main() -> None:
    """Measure the parts that were asked for, and print one table."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="a third of the requests")
    parser.add_argument("--lines", type=int, default=1_000_000, help="of the campaign, and as many subjects")
    parser.add_argument("--subjects", type=int, default=10_000, help="subjects beside the bundle's person")
    parser.add_argument("--events", type=int, default=100_000, help="in the export that is made, or audited")
    options = parser.parse_args()
    if unknown := set(options.parts) - {*PARTS, CAMPAIGN}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join((*PARTS, CAMPAIGN))}")
    if CAMPAIGN in options.parts:
        bench_campaign.main(options.lines)
    if options.parts != [CAMPAIGN]:
        show_parts(options)


def show_parts(options: argparse.Namespace) -> None:
    """Measure what goes into the table, and print it."""
    parts = options.parts or PARTS
    over_http = [part for part in parts if part in SERVED]
    lines = served(over_http, 1_000 if options.quick else 3_000) if over_http else []
    if "decide" in parts:
        lines += measure_decide()
    if "unsubscribe" in parts:
        lines += measure_unsubscribe()
    if "export" in parts:
        lines += measure_export(20_000 if options.quick else options.events)
    if "exporting" in parts:
        lines += measure_exporting(20_000 if options.quick else options.events)
    if "bundle" in parts:
        lines += measure_bundle(options.subjects)
    if "replay" in parts:
        lines += measure_replay(20_000 if options.quick else 100_000)
    if "delivery" in parts:
        lines += measure_delivery(5 if options.quick else 15)
    show(f"Measured {datetime.now(UTC):%Y-%m-%d}; medians of several rounds", lines)


if __name__ == "__main__":
    main()
