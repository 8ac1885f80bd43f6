"""A signing key is lost: the log is frozen and goes on verifying, and another goes on in its place."""

import asyncio
import json
from pathlib import Path

from click.testing import CliRunner

from service.cli.entry import cli
from service.core.entries import SuccessionEntry, decode_entry
from service.core.notes import Verifier
from service.core.succession import read_previous_log
from service.core.tiles import decode_entries
from service.core.verifier import verify_bundle
from service.wiring.high_water import mark_path
from tests.support.databases import a_database
from tests.support.http_service import grant, question, running
from tests.trust.test_witnesses import log_key


async def _before(dsn: str, data: Path) -> tuple[Verifier, bytes]:
    """A ledger with an event, and a bundle out of it."""
    key = log_key(data)
    async with running(dsn, data) as service:
        await service.record(grant())
        return key, (await service.client.post("/v1/proofs", json=question(disclose=True))).content


async def _after(dsn: str, data: Path) -> list[bytes]:
    """The entries of the ledger that goes on, which serves."""
    async with running(dsn, data) as service:
        assert (await service.record(grant())).status_code == 201
        note = (await service.client.get("/log/main/checkpoint")).text
        origin, size = note.split("\n")[:2]
        assert origin == "ledger.localhost/main/2"
        assert (await service.check())["decision"] == "allow"
        return decode_entries((await service.client.get(f"/log/main/tile/entries/000.p/{size}")).content)


def test_the_next_generation_of_a_log_names_the_one_whose_key_was_lost(
    server_dsn: str, migrated_template: str, database_dsn: str, tmp_path: Path
) -> None:
    old_data, new_data = tmp_path / "old", tmp_path / "new"
    old_data.mkdir()
    key, bundle = asyncio.run(_before(database_dsn, old_data))
    (old_data / "keys" / "main" / "signing.key").unlink()
    mark = mark_path(old_data, "main")
    run = CliRunner()
    with a_database(server_dsn, template=migrated_template) as dsn:
        where = ["--data", str(new_data), "--database-url", dsn]
        after = ["--after", str(mark), "--after-key", key.vkey]
        made = run.invoke(
            cli, ["ledgers", "create", "main", "--json", *after, *where], catch_exceptions=False
        )
        assert json.loads(made.stdout)["origin"] == "ledger.localhost/main/2"
        entries = [decode_entry(raw) for raw in asyncio.run(_after(dsn, new_data))]
        (link,) = (each for each in entries if isinstance(each, SuccessionEntry))
        checkpoint, signed_by = read_previous_log(link)
        assert (checkpoint.origin, signed_by) == ("ledger.localhost/main/1", key)
        assert mark.read_text().startswith(checkpoint.text)
        audit = run.invoke(cli, ["audit", "--json", *where], catch_exceptions=False)
        assert json.loads(audit.stdout)["sound"]
    assert verify_bundle(bundle, verifiers=[key]).verified, "what the old log signed verifies for ever"


def test_a_checkpoint_that_the_key_has_not_signed_begins_no_generation(
    server_dsn: str, migrated_template: str, database_dsn: str, tmp_path: Path
) -> None:
    asyncio.run(_before(database_dsn, tmp_path))
    other = Verifier("ledger.localhost/main/1", 1, bytes(32))
    with a_database(server_dsn, template=migrated_template) as dsn:
        where = ["--data", str(tmp_path / "new"), "--database-url", dsn]
        after = ["--after", str(mark_path(tmp_path, "main")), "--after-key", other.vkey]
        made = CliRunner().invoke(cli, ["ledgers", "create", "main", *after, *where])
        assert made.exit_code != 0
        assert "not signed by this key" in str(made.exception)
