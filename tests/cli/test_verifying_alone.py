"""`verify` and `audit` take four libraries, and nothing of what the service takes."""

import importlib.metadata
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support.exported import signed
from tests.support.small_export import a_small_export

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("click", "cryptography", "msgspec", "rich")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def with_all_they_take(names: tuple[str, ...]) -> set[str]:
    """These distributions and everything that they require, without extras."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in found:
            continue
        found.add(name)
        for line in importlib.metadata.requires(name) or []:
            if "extra ==" not in line and (required := _NAME.match(line)):
                try:
                    importlib.metadata.distribution(required.group())
                except importlib.metadata.PackageNotFoundError:
                    continue  # for another Python or another machine
                waiting.append(required.group())
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program and the libraries that it needs to verify, and no others."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "service").symlink_to(ROOT / "service")
    packages = Path(sysconfig.get_path("purelib"))
    for name in with_all_they_take(NEEDED):
        for file in importlib.metadata.distribution(name).files or ():
            top = file.parts[0]
            if top != ".." and not (folder / top).exists():
                (folder / top).symlink_to(packages / top)
    return folder


def program(alone: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The program, which finds the standard library and this folder, and nothing else."""
    start = (
        f"import sys; sys.path.insert(0, {str(alone)!r});"
        "from service.cli.entry import run; raise SystemExit(run(sys.argv[1:]))"
    )
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", start, *arguments],
        cwd=alone,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


async def test_an_export_is_verified_and_replayed_with_four_libraries(alone: Path) -> None:
    made = await a_small_export()
    (alone / "all.zip").write_bytes(signed(made.files, made.signer))
    for command, says in (("verify", "SOUND, level L1"), ("audit", "SOUND, level L3")):
        done = program(alone, command, "all.zip", "--key", made.signer.verifier.vkey)
        assert done.returncode == 0, done.stdout + done.stderr
        assert says in done.stdout


async def test_the_report_is_taken_out_of_an_export(alone: Path) -> None:
    made = await a_small_export()
    page = b"<!doctype html><html lang=en><title>Report</title><h1>Report</h1><p>Entry 7</p></html>"
    (alone / "told.zip").write_bytes(signed({"report.html": page} | made.files, made.signer))
    assert program(alone, "report", "told.zip", "told.html").returncode == 0
    assert (alone / "told.html").read_bytes() == page
    for arguments in (("told.zip", "told.html"), ("told.zip", "told.doc"), ("told.html", "other.html")):
        done = program(alone, "report", *arguments)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    done = program(alone, "report", "told.zip", "told.pdf")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "consent-ledger[pdf]" in done.stderr
    printed = {"report.html": page, "report.pdf": b"%PDF"}
    (alone / "printed.zip").write_bytes(signed(printed | made.files, made.signer))
    assert program(alone, "report", "printed.zip", "told.pdf").returncode == 0
    assert (alone / "told.pdf").read_bytes() == b"%PDF"


async def test_time_stamps_take_one_library_more_and_it_is_named(alone: Path) -> None:
    made = await a_small_export()
    (alone / "stamped.zip").write_bytes(signed(made.files, made.signer))
    (alone / "authority.pem").write_text("")
    for command in ("verify", "audit"):
        done = program(alone, command, "stamped.zip", "--timestamps", "authority.pem")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "pip install rfc3161-client" in done.stderr


def test_what_takes_more_is_said_in_one_line(alone: Path) -> None:
    done = program(alone, "serve")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install consent-ledger" in done.stderr


def test_what_is_not_there_is_one_line(alone: Path) -> None:
    for command in ("verify", "audit"):
        done = program(alone, command, "nowhere.zip")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
