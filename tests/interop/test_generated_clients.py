"""Well-known generators make clients of the contract, and these run the quick start against the service."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import a_database
from tests.support.program_nursery import Nursery
from tests.support.served import Served, served

HERE = Path(__file__).parent
CONTRACT = HERE.parents[1] / "openapi" / "openapi.json"
NPM = ("openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9", "tsx@4", "@types/node@20")


@pytest.fixture(scope="module")
def service(
    nursery: Nursery, server_dsn: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The program behind a socket."""
    with (
        a_database(server_dsn, template=migrated_template) as dsn,
        served(nursery, dsn, tmp_path_factory.mktemp("clients")) as started,
    ):
        yield started


def run(service: Served, folder: Path, *command: str) -> str:
    """Run a program in this folder that finds the service in its environment; what it printed."""
    environment = {"LEDGER_URL": f"http://127.0.0.1:{service.port}", "LEDGER_KEY": service.key}
    done = subprocess.run(
        command,
        capture_output=True,
        check=False,
        cwd=folder,
        env=os.environ | environment | {"PYTHONPATH": str(folder)},
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    return done.stdout


def test_a_generated_python_client_runs_the_quick_start(service: Served, tmp_path: Path) -> None:
    generator = (sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none")
    run(service, tmp_path, *generator, "--path", str(CONTRACT), "--output-path", "generated")
    shutil.copy(HERE / "quick_start.py", tmp_path)
    assert run(service, tmp_path, sys.executable, "quick_start.py").startswith("allow ")


@pytest.mark.interop
def test_a_generated_typescript_client_runs_the_quick_start(service: Served, tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm (on Debian: apt install npm)")
    installed = subprocess.run(
        (npm, "install", "--no-audit", "--no-fund", "--prefer-offline", *NPM),
        capture_output=True,
        check=False,
        cwd=tmp_path,
        timeout=300,
    )
    if installed.returncode != 0:
        pytest.skip(f"npm packages cannot be had here: {', '.join(NPM)}")
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    shutil.copy(HERE / "quick_start.ts", tmp_path)
    # What has a default may be left out of a request.
    lenient = ("--default-non-nullable", "false")
    tools = tmp_path / "node_modules" / ".bin"
    run(service, tmp_path, str(tools / "openapi-typescript"), str(CONTRACT), *lenient, "-o", "schema.d.ts")
    strict = ("--strict", "--noEmit", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler")
    run(service, tmp_path, str(tools / "tsc"), *strict, "--target", "es2022", "quick_start.ts")
    assert run(service, tmp_path, str(tools / "tsx"), "quick_start.ts").startswith("allow ")
