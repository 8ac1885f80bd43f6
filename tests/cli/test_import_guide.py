"""The guide to imports does what it says: its snippets, run against the service."""

import json
import shutil
from pathlib import Path

import pytest

from service.cli.demo.theatre import Client
from tests.support.guides import page, run_in_shell, snippets

SHELL = snippets(page("docs/import.md"), "sh")

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the guide is run with curl")


def test_every_snippet_of_the_guide_runs_as_it_stands(client: Client, tmp_path: Path) -> None:
    where = {"CONSENT_LEDGER_URL": f"http://127.0.0.1:{client.port}", "CONSENT_LEDGER_KEY": client.key}
    dry, committed, proved, over_http, again = run_in_shell(
        [each.text for each in SHELL], tmp_path, **where
    ).printed
    assert "Nothing was recorded" in dry
    assert "5 events are new, 0 were known." not in dry
    assert "4 events are new, 0 were known." in committed
    assert "ALLOW (CONSENT)" in proved
    assert [item["grade"] for item in json.loads(over_http)["items"]] == ["B", "no"]
    counts, summary = (json.loads(line) for line in again.splitlines())
    assert (counts["B"], counts["C"], counts["D"], counts["refused"]) == (1, 1, 1, 1)
    assert summary["summary"] == {"recorded": 0, "replayed": 4, "refused": 0}
