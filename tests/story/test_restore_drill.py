"""The drill of docs/operations.md, Restore: a copy that is too old is refused, and each way on goes on."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from service.wiring.high_water import mark_path
from tests.support.databases import fetch_value
from tests.support.survival_stage import RefusedToStartError, Stage

TOO_OLD = r"an older state .* Roll it forward .* docs/operations\.md, Restore\. Nothing was signed"


def copy(source: Path, target: Path) -> None:
    """A copy with owners and rights, as a backup program makes it."""
    subprocess.run(["cp", "--archive", "--no-target-directory", source, target], check=True)


def record(stage: Stage, name: str, count: int = 3) -> None:
    """Serve for a while."""
    with stage.service() as door:
        stage.callers(door).deliver(stage.workload(name, count))


def at_rest(stage: Stage, done: Callable[[Path], None]) -> None:
    """Do something with the server's folder while the server is stopped."""
    stage.server.stop()
    done(stage.server.directory)
    stage.server.start()


def put(source: Path) -> Callable[[Path], None]:
    """Put what a backup of the server's folder holds in the place of what is there."""

    def place(folder: Path) -> None:
        for part in (folder / "data").iterdir():
            if part.is_dir():
                shutil.rmtree(part)
            elif part.name != "PG_VERSION":  # by which the socket's place is found again
                part.unlink()
        copy(source / "data", folder / "data")

    return place


def test_a_restored_copy_is_refused_and_goes_on_when_the_newer_state_is_brought_back(
    self_contained: Stage, roomy: Path
) -> None:
    stage, backup, newer = self_contained, roomy / "backup", roomy / "newer"
    record(stage, "before the backup")
    at_rest(stage, lambda folder: copy(folder, backup))
    record(stage, "after the backup")
    at_rest(stage, lambda folder: copy(folder, newer))
    at_rest(stage, put(backup))
    with pytest.raises(RefusedToStartError, match=TOO_OLD) as refused:
        stage.start()
    assert refused.value.status == 1
    at_rest(stage, put(newer))
    record(stage, "after the restore")
    stage.assert_survived()


def test_a_base_backup_of_a_running_server_goes_on_when_it_is_rolled_forward_with_its_wal(
    self_contained: Stage, roomy: Path
) -> None:
    stage, backup, wal = self_contained, roomy / "backup", roomy / "wal"
    record(stage, "before the backup")
    label = base_backup(stage, backup)
    record(stage, "after the backup")

    def restore(folder: Path) -> None:
        copy(folder / "data" / "pg_wal", wal)
        put(backup)(folder)
        shutil.rmtree(folder / "data" / "pg_wal")
        copy(wal, folder / "data" / "pg_wal")
        (folder / "data" / "backup_label").write_text(label, encoding="utf-8")
        shutil.chown(folder / "data" / "backup_label", folder.joinpath("data").stat().st_uid)

    at_rest(stage, restore)
    record(stage, "after the restore")
    stage.assert_survived()


def base_backup(stage: Stage, target: Path) -> str:
    """Copy the running server's folder as PostgreSQL's manual says (26.3.4); returns its backup label."""
    import asyncio  # noqa: PLC0415 - for these lines alone

    async def back_up() -> str:
        connection = await asyncpg.connect(stage.server.dsn)
        # It keeps the WAL from here on, as an archive does.
        await connection.execute("SELECT pg_create_physical_replication_slot('archive', true)")
        await connection.execute("SELECT pg_backup_start('drill', true)")
        await asyncio.to_thread(copy, stage.server.directory, target)
        row = await connection.fetchrow("SELECT labelfile FROM pg_backup_stop(false)")
        await connection.close()
        return str(row["labelfile"])

    label = asyncio.run(back_up())
    (target / "data" / "postmaster.pid").unlink()
    return label


def test_a_lost_mark_is_refused_and_written_again_by_an_audit_that_finds_nothing(
    self_contained: Stage,
) -> None:
    stage = self_contained
    record(stage, "before the loss")
    mark_path(stage.data, "main").unlink()
    with pytest.raises(RefusedToStartError, match=r"mark is missing.*audit --write-mark"):
        stage.start()
    status, _ = stage.call("audit", "--write-mark")
    assert status == 0
    record(stage, "after the loss")
    stage.assert_survived()
    assert fetch_value(stage.server.dsn, "SELECT count(*) FROM log_head") == 1
