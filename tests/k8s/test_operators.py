"""What the operators read of us: valid by their own schemas, and enough for the program to run on."""

import asyncio
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
from click.testing import CliRunner

from service.cli.ledgers import make_keys
from service.core.errors import InputError
from service.settings import Settings
from service.storage.roles import ROLES
from service.wiring.compose import open_services
from service.wiring.database import make_fit
from service.wiring.embedded.server import EmbeddedPostgresMissingError
from service.wiring.serving.bootstrap import prepare
from tests.support.clusters import a_throw_away_server
from tests.support.databases import execute, fetch_value
from tests.support.kustomize import K8S, Manifest, rendered
from tests.support.operator_schemas import FILES, schema_of

runner = CliRunner()
OURS = {
    (one["kind"], one["metadata"]["name"]): one
    for one in rendered(K8S / "overlays" / "prod")
    if one["kind"] in FILES
}
CLUSTER = OURS["Cluster", "consent-ledger-db"]["spec"]


def validator(manifest: Manifest) -> Any:  # noqa: ANN401 - the library has no types
    schema = schema_of(manifest["kind"], manifest["apiVersion"])
    if schema is None:
        pytest.skip(f"Go's module cache holds no schema of {manifest['kind']}: `make crds`, which wants Go")
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("of", OURS, ids=lambda of: of[0])
def test_each_is_valid_by_the_operators_own_schema(of: tuple[str, str]) -> None:
    found = [
        f"{error.json_path}: {error.message[:200]}" for error in validator(OURS[of]).iter_errors(OURS[of])
    ]
    assert not found


def test_a_misspelt_field_is_found_by_the_schema() -> None:
    wrong = copy.deepcopy(OURS["Cluster", "consent-ledger-db"])
    synchronous = wrong["spec"]["postgresql"]["synchronous"]
    synchronous["dataDurabilty"] = synchronous.pop("dataDurability")
    assert [error.json_path for error in validator(wrong).iter_errors(wrong)] == [
        "$.spec.postgresql.synchronous"
    ]


@pytest.fixture(scope="module")
def bootstrapped() -> Iterator[str]:
    """A server on which was done what the operator does for the Cluster; yields the DSN of its superuser."""
    initdb, (service,) = CLUSTER["bootstrap"]["initdb"], CLUSTER["managed"]["roles"]
    try:
        with a_throw_away_server() as server:
            root = urlsplit(server.dsn)._replace(path="/postgres").geturl()
            execute(root, f"DROP DATABASE IF EXISTS {initdb['database']}")
            execute(root, f"CREATE ROLE {initdb['owner']} LOGIN")
            for statement in initdb["postInitSQL"]:
                execute(root, statement)
            execute(root, f"CREATE DATABASE {initdb['database']} OWNER {initdb['owner']}")
            execute(root, f"CREATE ROLE {service['name']} LOGIN")
            for role in service["inRoles"]:
                execute(root, f"GRANT {role} TO {service['name']}")
            yield urlsplit(root)._replace(path=f"/{initdb['database']}").geturl()
    except EmbeddedPostgresMissingError as missing:
        pytest.skip(str(missing))


def as_login(dsn: str, login: str) -> str:
    where = urlsplit(dsn)
    return where._replace(netloc=f"{login}@{where.netloc.rpartition('@')[2]}").geturl()


def test_the_bootstrap_makes_the_roles_that_the_program_wants(bootstrapped: str) -> None:
    made = fetch_value(bootstrapped, "SELECT array_agg(rolname::text) FROM pg_roles WHERE NOT rolcanlogin")
    assert isinstance(made, list)
    assert set(ROLES) <= set(made)


def test_the_owner_migrates_and_the_service_login_begins_a_ledger(bootstrapped: str, tmp_path: Path) -> None:
    owner = as_login(bootstrapped, CLUSTER["bootstrap"]["initdb"]["owner"])
    assert fetch_value(owner, "SELECT NOT rolsuper FROM pg_roles WHERE rolname = current_user")
    make_fit(owner, may_upgrade=True)
    service = as_login(bootstrapped, CLUSTER["managed"]["roles"][0]["name"])
    settings = Settings(database_url=service, data_dir=tmp_path / "data")

    async def begin() -> list[str | None]:
        async with open_services(settings, service) as composition:
            return [
                await prepare(settings, composition, example_sender=False, first_key=wanted)
                for wanted in (False, True)
            ]

    made = runner.invoke(make_keys, ["main", "--data", str(settings.data_dir)])
    assert made.exit_code == 0, made.output
    given = keys_in(settings.data_dir)
    make_fit(service, may_upgrade=False)
    none, first = asyncio.run(begin())
    assert none is None
    assert first is not None
    assert fetch_value(bootstrapped, "SELECT count(*) > 0 FROM log_entry")
    assert keys_in(settings.data_dir) == given


def test_keys_that_are_there_are_not_made_again(tmp_path: Path) -> None:
    assert runner.invoke(make_keys, ["main", "--data", str(tmp_path)]).exit_code == 0
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys" / "main").iterdir()} == {0o600}
    again = runner.invoke(make_keys, ["main", "--data", str(tmp_path)])
    assert isinstance(again.exception, InputError)


def keys_in(data: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="ascii") for path in (data / "keys" / "main").iterdir()}
