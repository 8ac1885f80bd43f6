"""`make forge`: forge bundles by the million; none may be accepted, and both verifiers must say the same.

    make forge ARGS="--count 1000000 --seed 7 --processes 2"

Prints what was forged, and at which step each kind was refused. Exit status 1 when a forgery was accepted or
the verifiers differ: the bundle is kept in build/forge, with the seed that makes it again.
"""

import argparse
import hashlib
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from tests.forge.honest import Forged, is_true
from tests.forge.judges import ACCEPTED, ByNode, by_python
from tests.forge.mutations import KINDS, Forger

KEPT = Path(__file__).resolve().parents[2] / "build" / "forge"
BATCH = 100
SHARE = 2_000
"""Forgeries of one seed: what a process makes before it takes the next."""


@dataclass
class Campaign:
    """What was found of many forgeries: `steps` by kind and failing step, and every finding in words.

    `true`: how often something true came out, such as another person's whole history in place of one.
    """

    steps: Counter[tuple[str, str]] = field(default_factory=Counter)
    true: int = 0
    findings: list[str] = field(default_factory=list)

    def add(self, forged: Forged, own: str, page: str | None, seed: int) -> None:
        """Note what both said of one forgery."""
        self.steps[forged.kind, own] += 1
        true = own == ACCEPTED and is_true(forged)
        self.true += true
        if (ACCEPTED in (own, page) and not true) or page not in (None, own):
            name = hashlib.sha256(forged.raw).hexdigest()[:16]
            KEPT.mkdir(parents=True, exist_ok=True)
            (KEPT / f"{name}.json").write_bytes(forged.raw)
            self.findings.append(f"{name}: {forged.kind}, seed {seed}: step {own}, the page {page}")

    def join(self, other: "Campaign") -> None:
        """Take in another's."""
        self.steps.update(other.steps)
        self.true += other.true
        self.findings += other.findings


def forge(seed: int, count: int, *, with_page: bool) -> Campaign:
    """Judge so many forgeries of one seed."""
    found = Campaign()
    with ByNode() if with_page else nullcontext() as page:
        forgeries = Forger(seed).forgeries(count)
        while batch := list(islice(forgeries, BATCH)):
            if page is not None:
                page.send((forged.raw, forged.source.held) for forged in batch)
            own = [by_python(forged.raw, forged.source.held) for forged in batch]
            said = page.verdicts(len(batch)) if page is not None else [None] * len(batch)
            for forged, one, other in zip(batch, own, said, strict=True):
                found.add(forged, one, other, seed)
    return found


def report(found: Campaign) -> None:
    """Print what was forged, and where it was refused."""
    console = Console(width=132, highlight=False)
    table = Table("forged", Column("count", justify="right"), "refused at step", box=None)
    for kind in KINDS:
        steps = {step: count for (name, step), count in sorted(found.steps.items()) if name == kind}
        where = "  ".join(f"{step}: {count:,}" for step, count in steps.items())
        table.add_row(kind, f"{sum(steps.values()):,}", where)
    console.print(table)
    console.print(
        f"{found.steps.total():,} forgeries, {len(found.findings)} findings; {found.true:,} came out true"
        " (another's whole history, a question with this very answer)"
    )
    for finding in found.findings[:50]:
        console.print(finding)


def main() -> int:
    """Forge as many as were asked for."""
    parser = argparse.ArgumentParser(prog="make forge", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop then, with what was done")
    options = parser.parse_args()
    missing, began, found = ByNode.missing(), time.monotonic(), Campaign()
    progress = Console(stderr=True, highlight=False)
    if missing:
        progress.print(missing)
    seeds = range(options.seed, options.seed + -(-options.count // SHARE))
    with ProcessPoolExecutor(options.processes) as pool:
        shares = [
            pool.submit(forge, seed, min(SHARE, options.count), with_page=missing is None) for seed in seeds
        ]
        for share in as_completed(shares):
            found.join(share.result())
            done = found.steps.total()
            pace = done / (time.monotonic() - began)
            if time.monotonic() - began > 60 * options.minutes:
                pool.shutdown(cancel_futures=True)  # the one at the end would take that back
                break
            progress.print(f"{done:,} of {options.count:,}, {pace:,.0f}/s", end="\r")
    report(found)
    return 1 if found.findings else 0


if __name__ == "__main__":
    sys.exit(main())
