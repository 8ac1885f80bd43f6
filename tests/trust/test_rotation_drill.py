"""A signing key rotated, retired or stolen, as docs/operations.md says it is done, on a real database."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from service.cli.entry import cli
from service.core.checkpoint import open_checkpoint
from service.core.notes import parse_verifier
from service.core.token import decode_base64url
from service.settings import Settings
from service.wiring import rotating
from service.wiring.keys.files import NEXT, PREVIOUS, keys_directory, next_signing_key
from service.wiring.rotating import Rotation, retire_signing_key, rotate_signing_key
from tests.support.http_service import Service, grant, question, running

ORIGIN = "ledger.localhost/main/1"


async def rotated(dsn: str, data: Path, *, keep_previous: bool = True) -> Rotation:
    settings = Settings(database_url=dsn, data_dir=data)
    return await rotate_signing_key(settings, dsn, keep_previous=keep_previous)


async def published(service: Service) -> list[dict[str, Any]]:
    """The keys of tokens, the current one first."""
    keys = (await service.client.get("/.well-known/jwks.json")).json()["keys"]
    return [key for key in keys if not key["kid"].startswith("webhooks-")]


async def newest(service: Service) -> bytes:
    return (await service.client.get("/log/main/checkpoint")).content


def signatures(note: bytes) -> int:
    return note.count("\u2014 ".encode())


async def test_a_rotation_beside_a_running_service_reaches_it_and_old_tokens_go_on_verifying(
    database_dsn: str, tmp_path: Path
) -> None:
    async with running(database_dsn, tmp_path) as service:
        await service.record(grant())
        token = (await service.check(proof="token"))["token"]
        done = await rotated(database_dsn, tmp_path)
        assert (await service.record(grant("grant-2"))).status_code == 201
        note = await newest(service)
        open_checkpoint(note, ORIGIN, [done.new])
        open_checkpoint(note, ORIGIN, [done.old])  # beside it, for who does not know the new one yet
        assert (await service.check(proof="token"))["token"].split(".")[0] != token.split(".")[0]
        current, before = await published(service)
        assert [current["kid"], before["kid"]] == [done.new.key_id.hex(), done.old.key_id.hex()]
        assert before["exp"] == current["iat"]
        assert json.loads(decode_base64url(token.split(".")[0]))["kid"] == before["kid"]
        assert (await service.client.post("/v1/proofs", json=question())).status_code == 200


async def test_an_old_key_is_retired_and_a_stolen_one_deleted_at_once(
    database_dsn: str, tmp_path: Path
) -> None:
    files = keys_directory(tmp_path, "main")
    async with running(database_dsn, tmp_path):
        pass
    done = await rotated(database_dsn, tmp_path)
    assert (files / PREVIOUS).exists()
    await retire_signing_key(Settings(database_url=database_dsn, data_dir=tmp_path), database_dsn)
    assert not (files / PREVIOUS).exists()
    async with running(database_dsn, tmp_path) as service:
        await service.record(grant())
        assert signatures(await newest(service)) == 1
        open_checkpoint(await newest(service), ORIGIN, [done.new])
    stolen = await rotated(database_dsn, tmp_path, keep_previous=False)
    assert [path.name for path in files.glob("signing*")] == ["signing.key"]
    async with running(database_dsn, tmp_path) as service:
        await service.record(grant("grant-2"))
        assert signatures(await newest(service)) == 1
        open_checkpoint(await newest(service), ORIGIN, [stolen.new])
        assert len(await published(service)) == 3


class PowerFailure(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("after", ["the key was made", "the log was told"])
async def test_a_rotation_that_was_cut_off_is_finished_by_the_same_command(
    database_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PowerFailure

    async with running(database_dsn, tmp_path) as service:
        if after == "the key was made":
            next_signing_key(keys_directory(tmp_path, "main"), ORIGIN, lambda size: b"\x07" * size)
        else:
            with monkeypatch.context() as patch:
                patch.setattr(rotating, "settle_signing_keys", fail)
                with pytest.raises(PowerFailure):
                    await rotated(database_dsn, tmp_path)
            assert (keys_directory(tmp_path, "main") / NEXT).exists()
        await service.record(grant())
        done = await rotated(database_dsn, tmp_path)
        await service.record(grant("grant-2"))
        open_checkpoint(await newest(service), ORIGIN, [done.new])
        assert len(await published(service)) == 2
        assert not (keys_directory(tmp_path, "main") / NEXT).exists()


@pytest.fixture
def begun(database_dsn: str, tmp_path: Path) -> list[str]:
    """Options for commands on a ledger that exists."""

    async def begin() -> None:
        async with running(database_dsn, tmp_path):
            pass

    asyncio.run(begin())
    return ["--data", str(tmp_path), "--database-url", database_dsn]


def test_the_commands_print_the_key_to_publish(begun: list[str]) -> None:
    run = CliRunner()
    rotate = run.invoke(cli, ["keys", "rotate-signing", "--json", *begun], catch_exceptions=False)
    said = json.loads(rotate.stdout)
    assert parse_verifier(said["new"]) != parse_verifier(said["old"])
    retire = run.invoke(cli, ["keys", "retire-signing", *begun], catch_exceptions=False)
    assert retire.stdout.strip() == said["new"]
    audit = run.invoke(cli, ["audit", "--json", *begun], catch_exceptions=False)
    assert json.loads(audit.stdout)["counts"]["successions"] == 1
    assert json.loads(audit.stdout)["sound"]
