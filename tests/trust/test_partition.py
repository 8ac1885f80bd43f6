"""The index-partition audit: no event can be left out of the map, and no record is shown."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from service.cli.entry import cli
from service.core.entries import EVENT
from service.core.errors import FormatError
from service.core.partition import PartitionReplay, read_beginning, read_line
from service.ledger.proving.partitioning import partition_lines
from tests.support.http_service import JANE, grant, running, withdrawal
from tests.support.small_ledger import SmallLedger, a_small_ledger
from tests.trust.test_witnesses import log_key

Lines = list[bytes]


@pytest.fixture
async def ledger() -> SmallLedger:
    ledger = await a_small_ledger()
    await ledger.erase("left@example.org")
    await ledger.record("contact_by_recipient", "jane@example.org", sender="acme")
    return ledger


async def lines_of(ledger: SmallLedger) -> Lines:
    return [line async for line in partition_lines(ledger.store, ledger.keys.origin)]


def found(ledger: SmallLedger, lines: Lines) -> list[str]:
    replay = PartitionReplay(read_beginning(lines[0]).origin, [ledger.keys.signer.verifier])
    for line in lines[1:]:
        replay.feed_assigned(*read_line(line))
    replay.finish()
    return [finding.code for finding in replay.findings]


async def test_an_honest_partition_gives_no_findings_also_after_an_erasure(ledger: SmallLedger) -> None:
    assert found(ledger, await lines_of(ledger)) == []


def respelled(line: bytes, **changes: Any) -> bytes:  # noqa: ANN401 - fields of a line
    said = json.loads(line) | changes
    said = {name: said[name] for name in sorted(said) if said[name] is not None}
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


async def events(ledger: SmallLedger) -> tuple[Lines, list[int]]:
    """The lines, and which of them are events."""
    lines = await lines_of(ledger)
    return lines, [at for at, line in enumerate(lines[1:], 1) if read_line(line)[0][0] == EVENT]


async def test_an_event_without_a_subject_is_found(ledger: SmallLedger) -> None:
    lines, places = await events(ledger)
    lines[places[-1]] = respelled(lines[places[-1]], subject=None)
    assert found(ledger, lines) == ["event_unassigned"]


async def test_an_event_given_to_another_subject_than_the_maps_is_found(ledger: SmallLedger) -> None:
    lines, places = await events(ledger)
    lines[places[-1]] = respelled(lines[places[-1]], subject="ab" * 32)
    assert found(ledger, lines) == ["map_differs"]


async def test_a_subject_beside_what_is_no_event_is_found(ledger: SmallLedger) -> None:
    lines, _ = await events(ledger)
    lines[1] = respelled(lines[1], subject="ab" * 32)
    assert found(ledger, lines) == ["assignment_misplaced"]


async def test_an_event_left_out_breaks_the_log(ledger: SmallLedger) -> None:
    lines, places = await events(ledger)
    del lines[places[2]]
    assert {"link_broken", "root_differs"} <= set(found(ledger, lines))


@pytest.mark.parametrize(
    "line", [b"", b"{}", b"{}\n", b'{"entry":"!"}\n', b'{ "entry":""}\n', b'{"entry":"","x":1}\n']
)
def test_what_is_no_line_is_refused(line: bytes) -> None:
    with pytest.raises(FormatError):
        read_line(line)


async def _recorded(dsn: str, data: Path) -> None:
    async with running(dsn, data) as service:
        await service.record(grant())
        await service.record(withdrawal())


def test_the_commands_write_and_check_it_without_an_address(database_dsn: str, tmp_path: Path) -> None:
    key = log_key(tmp_path)
    asyncio.run(_recorded(database_dsn, tmp_path))
    file, run = tmp_path / "partition.jsonl", CliRunner()
    where = ["--data", str(tmp_path), "--database-url", database_dsn]
    assert run.invoke(cli, ["partition", "write", str(file), *where], catch_exceptions=False).exit_code == 0
    assert JANE["value"] not in file.read_text()
    checked = run.invoke(
        cli, ["partition", "check", str(file), "--key", key.vkey, "--json"], catch_exceptions=False
    )
    assert json.loads(checked.stdout)["sound"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04\xff", b"{}\n"], ids=["nothing", "a zip", "other JSON"])
def test_a_file_that_is_no_partition_is_named_with_its_line(content: bytes, tmp_path: Path) -> None:
    file, key = tmp_path / "list.jsonl", log_key(tmp_path)
    file.write_bytes(content)
    refused = CliRunner().invoke(cli, ["partition", "check", str(file), "--key", key.vkey])
    assert isinstance(refused.exception, FormatError)
    assert "list.jsonl is no partition, or a damaged one: line 1: " in str(refused.exception)
