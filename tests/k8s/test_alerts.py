"""Alerts and dashboard: every expression parses, every metric and label exists, every alert has a runbook."""

import json
import re
from functools import cache
from typing import Any

import promql_parser
import pytest

from service.ledger.delivering.deliveries import Outcome
from tests.support.kustomize import K8S, ROOT, documents
from tests.support.program_facts import metric_labels, routes

MONITORING = K8S / "components" / "monitoring"
RUNBOOK = ROOT / "docs" / "alerts.md"
OF_THE_SCRAPE = {"job", "namespace", "pod", "instance", "app_kubernetes_io_component"}
OF_OTHERS = {
    # kube-state-metrics
    "kube_job_status_failed": {"job_name"},
    "kube_cronjob_status_last_successful_time": {"cronjob"},
    # CloudNativePG's default queries, and its Barman Cloud plugin
    "cnpg_pg_replication_streaming_replicas": set(),
    "cnpg_pg_stat_archiver_seconds_since_last_archival": set(),
    "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp": set(),
}
VALUES: dict[tuple[str, str], set[str]] = {
    ("ledger_unsubscribe_total", "result"): {"recorded", "repeated", "failed"},
    ("ledger_checks_total", "decision"): {"allow", "deny"},
    ("ledger_subscription_backlog", "status"): {"pending", "enabled", "paused", "disabled"},
    ("ledger_delivery_attempts_total", "outcome"): set(Outcome),
    ("ledger_http_request_seconds_bucket", "route"): {"/v1/checks", *routes()},
    ("ledger_http_request_seconds_bucket", "method"): {"POST", "GET"},
}


@cache
def known() -> dict[str, set[str]]:
    return {name: labels | OF_THE_SCRAPE for name, labels in (metric_labels() | OF_OTHERS).items()}


def rules() -> list[dict[str, Any]]:
    (manifest,) = documents(MONITORING / "alerts.yaml")
    return [rule for group in manifest["spec"]["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((MONITORING / "consent-ledger.json").read_text(encoding="utf-8"))
    return found


def shown() -> list[tuple[str, str]]:
    """The title of a panel and an expression of it, as Grafana would send it."""
    return [
        (panel["title"], target["expr"].replace("$__rate_interval", "5m").replace("$ledger", ".*"))
        for panel in dashboard()["panels"]
        for target in panel.get("targets", [])
    ]


def wrong_in(expression: str) -> list[str]:
    """What is wrong with an expression, a line each."""
    try:
        parsed = promql_parser.parse(expression)
    except ValueError as error:
        return [str(error)]
    found: list[str] = []

    def visit(node: Any) -> bool:  # noqa: ANN401 - the library's nodes have no common type
        if isinstance(node, promql_parser.VectorSelector):
            found.extend(_wrong_in_selector(node))
        return True

    promql_parser.walk(parsed, visit)
    return found


def _wrong_in_selector(selector: Any) -> list[str]:  # noqa: ANN401 - the library has no types
    if selector.name not in known():
        return [f"no metric {selector.name}"]
    found = []
    for matcher in selector.matchers.matchers:
        values = VALUES.get((selector.name, matcher.name))
        if matcher.name not in known()[selector.name]:
            found.append(f"{selector.name} has no label {matcher.name}")
        elif values is not None and matcher.op == promql_parser.MatchOp.Equal and matcher.value not in values:
            found.append(f"{selector.name} has no {matcher.name} {matcher.value}")
    return found


def labels_in(text: str) -> set[str]:
    return set(re.findall(r"\{\{-? *(?:\$labels\.)?(\w+) *-?\}\}", text)) - {"value"}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_the_program_exports(rule: dict[str, Any]) -> None:
    assert wrong_in(rule["expr"]) == []


@pytest.mark.parametrize(("title", "expression"), shown())
def test_a_panel_shows_what_the_program_exports(title: str, expression: str) -> None:
    assert wrong_in(expression) == [], title


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("min(ledger_db_upp) == 0", "no metric ledger_db_upp"),
        ("rate(ledger_append_events[5m])", "no metric ledger_append_events"),
        ('ledger_db_up{ledger="main"}', "ledger_db_up has no label ledger"),
        ('ledger_unsubscribe_total{result="failure"}', "ledger_unsubscribe_total has no result failure"),
        ("sum(rate(ledger_checks_total[5m])", "unclosed left parenthesis"),
    ],
)
def test_what_is_misspelt_is_found(expression: str, wrong: str) -> None:
    assert wrong_in(expression) == [wrong]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_and_leads_to_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"].endswith(".")
    file, _, heading = rule["annotations"]["runbook_url"].partition("#")
    assert heading == rule["alert"].lower()
    assert re.search(rf"^### {rule['alert']}$", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_the_runbook_speaks_of_no_alert_that_there_is_not() -> None:
    named = set(re.findall(r"^### (ConsentLedger\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE))
    assert named == {rule["alert"] for rule in rules()}


def test_a_legend_names_labels_of_its_metric() -> None:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            names = set(re.findall(r"\b(?:ledger|process)_\w+", target["expr"])) & set(known())
            everything = set().union(*(known()[name] for name in names))
            assert labels_in(target["legendFormat"]) <= everything, panel["title"]


def test_every_panel_says_what_it_shows_and_overlaps_no_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        assert panel["type"] == "row" or panel["description"].endswith(".")
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
