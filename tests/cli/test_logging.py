"""No command runs with logs that are not set up: they would go to standard output, with what was sent."""

import subprocess
import sys

import pytest

from service.cli.entry import _COMMANDS
from tests.cli.test_program import ROOT
from tests.support.program_nursery import own_environment

A_COMMAND = """
import sys
from service.cli.entry import run
status = run(sys.argv[1:])
if "structlog" in sys.modules:
    import logging, structlog
    assert structlog.is_configured(), "its logs are not set up"
    structlog.get_logger("test").error("something_failed", exc_info=ValueError("a secret"))
    logging.getLogger("a.library").error("it failed")
sys.exit(status)
"""

NO_LOGS = (
    "audit",
    "check",
    "erase",
    "import",
    "partition",
    "report",
    "rulebook",
    "verifier",
    "verify",
    "why",
)
"""What starts at once because it needs none, or not before it knows that it opens a database."""

NOWHERE = ("--database-url", "postgresql://nobody@127.0.0.1:1/none")


def of_a_command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", A_COMMAND, *arguments],
        cwd=ROOT,
        env=own_environment(),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("command", sorted(_COMMANDS))
def test_a_command_that_may_log_writes_json_lines_on_standard_error(command: str) -> None:
    done = of_a_command(command, "--help")
    assert done.returncode == 0, done.stderr
    assert "something_failed" not in done.stdout
    assert "a secret" not in done.stderr
    logged = [line for line in done.stderr.splitlines() if line]
    assert all(line.startswith("{") for line in logged), logged
    assert len(logged) == (0 if command in NO_LOGS else 2)


@pytest.mark.parametrize("arguments", [("audit",), ("partition", "write", "-")], ids=["audit", "partition"])
def test_a_command_that_comes_to_need_logs_sets_them_up(arguments: tuple[str, ...]) -> None:
    done = of_a_command(*arguments, *NOWHERE)
    assert done.returncode == 2
    assert "something_failed" not in done.stdout
    assert "something_failed" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "-"),
        (
            "check",
            "a@example.org",
            "--sender",
            "a",
            "--category",
            "b",
            "--url",
            "http://127.0.0.1:9",
            "--key",
            "k",
        ),
    ],
    ids=["verify", "check"],
)
def test_a_command_that_needs_no_logs_does_not_come_to_need_them_on_the_way(
    arguments: tuple[str, ...],
) -> None:
    done = of_a_command(*arguments)
    assert done.returncode == 2
    assert "something_failed" not in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1
