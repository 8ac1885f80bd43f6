"""The guide to the client does what it says: its snippets, run against the service."""

from typing import Any

import pytest

from tests.support.guides import page, snippets
from tests.support.served import Served


def test_every_snippet_of_the_guide_runs_as_it_stands(
    live: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONSENT_LEDGER_URL", live.url)
    monkeypatch.setenv("CONSENT_LEDGER_KEY", live.key)
    names: dict[str, Any] = {}
    for each in snippets(page("docs/client.md"), "python"):
        exec(each.text, names)  # noqa: S102 - the guide's own code, which is what is tested
    assert names["answer"].allowed
    assert (names["refused"], names["allowed"], names["event"]["data"]["position"] > 0) == ([], True, True)
    assert names["campaign"].summary.count == 3
    assert "['jane']" in capsys.readouterr().out
