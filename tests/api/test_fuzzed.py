"""Schemathesis asks every operation of the contract what it allows and what it does not, over a socket.

All of its checks count: no 5xx, no status, type, header or body that is not documented, nothing accepted that
the schema refuses, nothing answered without a credential. `make fuzz` asks for longer.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.api.callers.principal import SCOPES
from service.cli.demo.theatre import program
from tests.support.databases import a_database
from tests.support.program_nursery import Nursery
from tests.support.served import Served, served

CONFIG = Path(__file__).with_name("schemathesis.toml")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def place(
    nursery: Nursery, server_dsn: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Served, str, Path]]:
    """The program behind a socket, its database and its folder."""
    data = tmp_path_factory.mktemp("fuzzed")
    with a_database(server_dsn, template=migrated_template) as dsn, served(nursery, dsn, data) as started:
        yield started, dsn, data


def a_key(dsn: str, data: Path, *scopes: str) -> str:
    wanted = [part for scope in scopes for part in ("--scope", scope)]
    made = subprocess.run(
        program("keys", "create", "--data", str(data), "--label", "fuzz", "--json", *wanted),
        capture_output=True,
        check=True,
        env=os.environ | {"DATABASE_URL": dsn},
        timeout=60,
    )
    return str(json.loads(made.stdout)["key"])


def fuzz(place: tuple[Served, str, Path], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Schemathesis with the checks of its configuration; a seed makes a failure come again."""
    started, dsn, data = place
    key = a_key(dsn, data, *SCOPES)
    return subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run"),
            f"http://127.0.0.1:{started.port}/openapi.json",
            *("--header", f"Authorization: Bearer {key}", "--no-color", "--request-timeout", "30"),
            *("--continue-on-failure", "--warnings", "off", "--generation-database", "none"),
            *arguments,
        ],
        capture_output=True,
        check=False,
        cwd=data,
        env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks", "PYTHONPATH": str(ROOT)},
        text=True,
        timeout=3_600,
    )


def assert_nothing_found(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]


# A stream of events has no end, and the key must not revoke itself; both are asked apart.
APART = ("--exclude-path", "/v1/events/stream", "--exclude-operation-id", "revokeKey")


def test_every_operation_keeps_the_contract_for_its_examples_and_some_made_up_input(
    place: tuple[Served, str, Path],
) -> None:
    assert_nothing_found(
        fuzz(place, *APART, "--phases", "examples,fuzzing", "--max-examples", "3", "--seed", "1")
    )


def test_revoking_keeps_it_too(place: tuple[Served, str, Path]) -> None:
    only = ("--include-operation-id", "revokeKey", "--phases", "examples,fuzzing", "--max-examples", "10")
    assert_nothing_found(fuzz(place, *only))


@pytest.mark.fuzz
def test_every_operation_keeps_the_contract_at_the_edges_of_every_field_and_for_much_made_up_input(
    place: tuple[Served, str, Path],
) -> None:
    assert_nothing_found(
        fuzz(place, *APART, "--phases", "examples,coverage,fuzzing", "--max-examples", "200")
    )
