"""A known vulnerability stops a release; a service that cannot be asked does not, and is no yes either."""

import json
from pathlib import Path

import pytest

from tests.support.pip_audit import verdict

HOLE = {"id": "PYSEC-2026-1", "fix_versions": ["1.2.1"], "aliases": [], "description": ""}
SOUND = {"name": "a", "version": "1", "vulns": []}
UNSOUND = {"name": "b", "version": "1.2", "vulns": [HOLE]}
UNKNOWN = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "status", "last"),
    [
        ([SOUND], 0, "pip-audit: 0 known vulnerabilities in 1 packages"),
        ([SOUND, UNSOUND], 1, "pip-audit: 1 known vulnerabilities in 2 packages"),
        ([SOUND, UNKNOWN], 0, "pip-audit: 0 known vulnerabilities in 1 packages, 1 not known to the service"),
        ([UNKNOWN], 0, "pip-audit: skipped, the vulnerability service knows none of 1 packages"),
    ],
)
def test_a_report_is_told_as_it_is(tmp_path: Path, packages: list[object], status: int, last: str) -> None:
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"dependencies": packages, "fixes": []}))
    found, lines = verdict(report, tmp_path / "log")
    assert (found, lines[-1]) == (status, last)
    assert ("b 1.2: PYSEC-2026-1, mended in 1.2.1" in lines) == (status == 1)


@pytest.mark.parametrize("text", [None, "", "{}"])
def test_a_service_that_could_not_be_asked_is_said_to_be_so(tmp_path: Path, text: str | None) -> None:
    report = tmp_path / "report.json"
    if text is not None:
        report.write_text(text)
    (tmp_path / "log").write_text("Traceback\nConnectionError: no route\n\n")
    skipped = "pip-audit: skipped, it could not ask the vulnerability service (ConnectionError: no route)"
    assert verdict(report, tmp_path / "log") == (0, [skipped])
