"""How long an export takes to audit, and in how much memory: a process of its own reads a file.

The file is made by the writer of the replay's bench, as the product writes it; the database's time is not in
it. The ceiling is the bare replay of the same run: what is beside it is unpacking, hashing and comparing.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from service.core.export import contents as at
from service.core.export.archive import Member, directory, pack
from service.core.export.auditing import audit_export
from service.core.export.manifest import MANIFEST, NOTE, manifest_bytes, sign_manifest
from service.core.merkle import TILE_WIDTH, hash_leaf
from service.core.replay import Opened
from service.core.tiles import Tile, encode_entries, entry_bundle, tile_path
from service.core.verify_signed import Trust
from tests.bench.bench_replay import BATCH, BODIES, EVENTS_PER_SUBJECT, EVIDENCE
from tests.bench.table import Line as Row
from tests.bench.table import line as row
from tests.support.log_writer import ORIGIN, SECRET, SIGNER, Line, LogWriter
from tests.support.small_export import described, keyed

CEILING_SECONDS_A_MILLION = 120
_DONE = Line(b"")


@dataclass
class ZipWriter:
    """Writes one file after the other, and remembers what the manifest says of each."""

    file: BinaryIO
    members: list[Member] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)

    def put(self, name: str, body: bytes) -> None:
        """Write a file."""
        member, packed = pack(name, body)
        member = member.at(self.members[-1].end if self.members else 0)
        self.file.write(member.header + packed)
        self.members.append(member)
        self.digests.append(sha256(body).digest())

    def finish(self, size: int, root: bytes) -> None:
        """Write the manifest, its note and the directory."""
        raw = manifest_bytes(ORIGIN, size, root, self.members, self.digests)
        self.put(MANIFEST, raw)
        self.put(NOTE, sign_manifest(raw, ORIGIN, SIGNER))
        self.file.write(directory(self.members))


def written_lines(log: LogWriter, events: int) -> Iterator[Line]:
    """A log of so many events, line by line; what was yielded is forgotten."""
    chance, told = random.Random(events), 0  # noqa: S311 - a workload, no secret
    log.begin().epoch()
    for number in range(events):
        person = chance.randrange(max(1, events // EVENTS_PER_SUBJECT))
        log.event(f"person-{person}@example.org", BODIES[number % len(BODIES)], evidence=EVIDENCE)
        if number % BATCH == BATCH - 1 or number == events - 1:
            log.epoch()
            for place in range(told, len(log.lines)):
                yield log.lines[place]
                log.lines[place] = _DONE
            told = len(log.lines)


def write_export(path: Path, events: int) -> None:
    """An export of the whole of such a log."""
    log = LogWriter()
    with path.open("wb") as file:
        out = ZipWriter(file)
        group: list[Line] = []
        notes: list[at.CheckpointLine] = []
        hashes: list[bytes] = []
        size = 0
        for each in written_lines(log, events):
            group.append(each)
            size += 1
            hashes.append(hash_leaf(each.entry))
            if each.note is not None:
                notes.append(at.CheckpointLine(size, each.note.decode()))
            if size % at.RECORDS_PER_FILE == 0:
                _put_group(out, group, size)
                group = []
        _put_group(out, group, size)
        _put_rest(out, notes, hashes, size)
        out.finish(size, log.frontier.root())


def _put_group(out: ZipWriter, group: list[Line], size: int) -> None:
    first = size - len(group)
    for start in range(0, len(group), TILE_WIDTH):
        part = group[start : start + TILE_WIDTH]
        number = (first + start) // TILE_WIDTH
        entries = encode_entries([each.entry for each in part])
        out.put(at.LOG + tile_path(entry_bundle(number, len(part))), entries)
        leaves = b"".join(hash_leaf(each.entry) for each in part)
        out.put(at.LOG + tile_path(Tile(0, number, len(part))), leaves)
    lines = [
        at.RecordLine(
            index=first + place,
            opening=each.opened.opening,
            record=each.opened.record.decode(),
            evidence=EVIDENCE.decode() if each.opened.evidence is not None else None,
        )
        for place, each in enumerate(group)
        if isinstance(each.opened, Opened)
    ]
    if group:
        out.put(at.record_name(first // at.RECORDS_PER_FILE), at.lines_bytes(lines))


def _put_rest(out: ZipWriter, notes: list[at.CheckpointLine], hashes: list[bytes], size: int) -> None:
    row = hashes
    for tile in at.hash_tiles(size):
        if tile.level:
            if tile.index == 0:
                row = _level_above(row)
            part = row[tile.index * TILE_WIDTH : tile.index * TILE_WIDTH + tile.width]
            out.put(at.LOG + tile_path(tile), b"".join(part))
    for number in range(size // at.SIZES_PER_FILE + 1):
        own = [each for each in notes if each.size // at.SIZES_PER_FILE == number]
        out.put(at.checkpoints_name(number), at.lines_bytes(own))
    genesis = next(written_lines(LogWriter(), 1)).entry
    out.put(at.EXPORT, at.body_bytes(described(ORIGIN, size)))
    out.put(at.CHECKPOINT, notes[-1].note.encode())
    out.put(at.KEYS, at.body_bytes(keyed(genesis, SIGNER.verifier.vkey, SECRET.hex())))


def _level_above(row: list[bytes]) -> list[bytes]:
    """The roots of every complete tile of a row of hashes."""
    found = []
    for start in range(0, len(row) - TILE_WIDTH + 1, TILE_WIDTH):
        part = row[start : start + TILE_WIDTH]
        while len(part) > 1:
            part = [
                sha256(b"\x01" + left + right).digest()
                for left, right in zip(part[::2], part[1::2], strict=True)
            ]
        found.append(part[0])
    return found


def measure_export(events: int) -> list[Row]:
    """The audit of an export of so many events, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="consent-ledger-bench-") as folder:
        path = Path(folder) / "export.zip"
        write_export(path, events)
        megabytes = path.stat().st_size / 2**20
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.bench_export", str(path)],
            capture_output=True,
            check=True,
            timeout=3_600,
        )
    told = json.loads(done.stdout)
    assert told["level"] == "L3", told
    allowed = CEILING_SECONDS_A_MILLION * events / 1_000_000
    return [
        row(
            f"audit of an export of {events:,} events ({megabytes:.0f} MiB)",
            (told["seconds"], " s"),
            (allowed, " s, two minutes a million"),
        ),
        row("its memory", (told["megabytes"], " MiB at most")),
    ]


def main() -> None:
    """Audit one file, and tell how long it took and how much memory was held at most."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    path = parser.parse_args().path
    started = time.process_time()
    with path.open("rb") as file:
        report = audit_export(file, Trust.of([SIGNER.verifier]), None, lambda _done, _of: None)
    told = {
        "level": report.level,
        "seconds": time.process_time() - started,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "findings": [finding.code for finding in report.findings[:5]],
    }
    print(json.dumps(told))  # noqa: T201 - what it was started for


if __name__ == "__main__":
    main()
