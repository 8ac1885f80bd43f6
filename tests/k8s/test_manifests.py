"""The Kubernetes manifests: rendered, valid, and in agreement with the program that they run."""

import copy
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.support.kustomize import (
    K8S,
    OVERLAYS,
    ROOT,
    Manifest,
    by_kubectl,
    by_us,
    have_kubectl,
    rendered,
    unordered,
)
from tests.support.manifest_findings import findings
from tests.support.program_facts import refusal_of_arguments, version

OLDEST, NEWEST = "1.32", "1.37"
OF_OPERATORS = {"Cluster", "ObjectStore", "ScheduledBackup", "ServiceMonitor", "PodMonitor", "PrometheusRule"}

Change = Callable[[dict[tuple[str, str], Manifest]], object]


@cache
def overlay(name: str) -> list[Manifest]:
    return rendered(K8S / "overlays" / name)


def pod(manifest: Manifest) -> Manifest:
    spec = manifest["spec"]
    found: Manifest = spec.get("jobTemplate", {}).get("spec", spec)["template"]["spec"]
    return found


def container(manifest: Manifest) -> Manifest:
    found: Manifest = pod(manifest)["containers"][0]
    return found


@pytest.fixture(scope="module")
def with_every_component(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An overlay as somebody would write it: prod, and what is optional."""
    folder = tmp_path_factory.mktemp("overlay")
    where = Path(os.path.relpath(K8S, folder))
    wanted = ("relay", "public-https", "keys-from-secret")
    plan = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "consent-ledger",
        "resources": [str(where / "base")],
        "components": [str(where / "components" / name) for name in wanted],
        "images": [{"name": "consent-ledger", "newTag": version()}],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
    return folder


def test_what_is_optional_agrees_with_the_program_too(with_every_component: Path) -> None:
    manifests = rendered(with_every_component)
    assert findings(manifests) == []
    for manifest in manifests:
        kubernetes_validate.validate(manifest, NEWEST, strict=True)
    relay = next(
        one for one in manifests if one["metadata"]["name"] == "relay" and one["kind"] == "Deployment"
    )
    assert "/var/lib/consent-ledger/keys/main" in {
        mount["mountPath"] for mount in container(relay)["volumeMounts"]
    }


@pytest.mark.skipif(not have_kubectl(), reason="there is no kubectl to compare with")
@pytest.mark.parametrize("folder", ["base", *(f"overlays/{name}" for name in OVERLAYS)])
def test_kubectl_and_our_small_renderer_agree(folder: str) -> None:
    assert unordered(by_us(K8S / folder)) == unordered(by_kubectl(K8S / folder))


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("name", OVERLAYS)
def test_every_manifest_is_valid_to_the_letter(name: str, version: str) -> None:
    for manifest in overlay(name):
        if manifest["kind"] not in OF_OPERATORS:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_a_misspelt_field_is_not_valid() -> None:
    (api,) = [
        one for one in overlay("dev") if (one["kind"], one["metadata"]["name"]) == ("Deployment", "api")
    ]
    wrong = copy.deepcopy(api)
    container(wrong)["livenesProbe"] = container(wrong).pop("livenessProbe")
    with pytest.raises(kubernetes_validate.ValidationError, match="livenesProbe"):
        kubernetes_validate.validate(wrong, NEWEST, strict=True)


def test_the_files_are_well_formed_yaml() -> None:
    yamllint = str(Path(sys.executable).parent / "yamllint")
    done = subprocess.run(
        [yamllint, "--strict", "--config-file", K8S / ".yamllint", K8S],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("page", ["kubernetes.md", "alerts.md"])
def test_the_pages_name_no_command_that_the_program_does_not_take(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    named = re.findall(r"(?:^(?:[A-Z_]+=\S+ )?|-- |`)consent-ledger ([a-z][^\n`]*)", text, re.MULTILINE)
    assert named
    refused = {line: refusal_of_arguments(shlex.split(line)) for line in named}
    assert not {line: refusal for line, refusal in refused.items() if refusal}


def test_the_page_says_which_secrets_there_have_to_be() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([a-z-]+)` \| .* \| (?:you|CloudNativePG) \|$", page, re.MULTILINE))
    wanted = set(
        re.findall(r"'(?:secretName|name)': '(consent-ledger-[a-z-]+)'", repr(secrets_in(overlay("prod"))))
    )
    assert wanted
    assert listed == wanted


def secrets_in(node: Any) -> list[Any]:  # noqa: ANN401 - whatever YAML holds
    """Everything that refers to a Secret."""
    keys = ("secret", "passwordSecret", "accessKeyId", "secretAccessKey")
    if isinstance(node, list):
        return [found for one in node for found in secrets_in(one)]
    if isinstance(node, dict):
        return [node[key] for key in keys if key in node] + [
            found for one in node.values() for found in secrets_in(one)
        ]
    return []


@pytest.mark.parametrize("name", OVERLAYS)
def test_nothing_in_them_disagrees_with_the_program(name: str) -> None:
    assert findings(overlay(name)) == []


def set_in(node: Any, *path: Any, to: object) -> None:  # noqa: ANN401 - whatever YAML holds
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = to


API, WORKER, SETTINGS = (
    ("Deployment", "api"),
    ("Deployment", "worker"),
    ("ConfigMap", "consent-ledger-settings"),
)
WRONG: dict[str, tuple[Change, str]] = {
    "a command": (
        lambda all_: container(all_["Job", "migrate"])["args"].__setitem__(0, "migrat"),
        "no command",
    ),
    "an option": (lambda all_: container(all_[API])["args"].append("--no-frist-key"), "No such option"),
    "a variable": (
        lambda all_: all_[SETTINGS]["data"].update(CONSENT_LEDGER_PROT="1"),
        "CONSENT_LEDGER_PROT",
    ),
    "a driver's variable": (lambda all_: all_[SETTINGS]["data"].update(PGSSLMOD="x"), "PGSSLMOD"),
    "a value": (
        lambda all_: all_[SETTINGS]["data"].update(CONSENT_LEDGER_SHUTDOWN_SECONDS="0"),
        "takes a whole number",
    ),
    "a file": (
        lambda all_: all_[SETTINGS]["data"].update(
            CONSENT_LEDGER_DATABASE_URL_FILE="/run/secrets/consent-ledger/url"
        ),
        "not mounted",
    ),
    "a port": (
        lambda all_: set_in(container(all_[API]), "ports", 0, "containerPort", to=8080),
        "port http is 8080",
    ),
    "a metrics port": (
        lambda all_: all_[SETTINGS]["data"].update(CONSENT_LEDGER_METRICS_PORT="9091"),
        "port metrics",
    ),
    "a probe's path": (
        lambda all_: set_in(container(all_[API]), "readinessProbe", "httpGet", "path", to="/ready"),
        "asks /ready",
    ),
    "a probe's port": (
        lambda all_: set_in(container(all_[WORKER]), "livenessProbe", "httpGet", "port", to="http"),
        "no livenessProbe",
    ),
    "the grace": (lambda all_: set_in(pod(all_[API]), "terminationGracePeriodSeconds", to=25), "killed 25 s"),
    "the worker's grace": (
        lambda all_: set_in(pod(all_[WORKER]), "terminationGracePeriodSeconds", to=15),
        "killed 15 s",
    ),
    "a mount": (
        lambda all_: [
            mount.update(mountPath="/data")
            for mount in container(all_[API])["volumeMounts"]
            if mount["mountPath"] == "/var/lib/consent-ledger"
        ],
        "the state is at /data",
    ),
    "the user": (
        lambda all_: set_in(pod(all_[API]), "securityContext", "runAsUser", to=1000),
        "another user",
    ),
    "the image": (lambda all_: set_in(container(all_[API]), "image", to="consent-ledger:0.0.9"), "0.0.9"),
    "a token": (lambda all_: set_in(pod(all_[API]), "automountServiceAccountToken", to=True), "token"),
    "a privilege": (
        lambda all_: set_in(container(all_[API]), "securityContext", "allowPrivilegeEscalation", to=True),
        "privileges",
    ),
    "a service's selector": (
        lambda all_: set_in(
            all_["Service", "api"], "spec", "selector", "app.kubernetes.io/component", to="apj"
        ),
        "selects no pod",
    ),
    "a service's port": (
        lambda all_: set_in(all_["Service", "api"], "spec", "ports", 0, "targetPort", to="https"),
        "port https",
    ),
    "what is scaled": (
        lambda all_: set_in(
            all_["HorizontalPodAutoscaler", "api"], "spec", "scaleTargetRef", "name", to="apj"
        ),
        "scales what is not there",
    ),
    "a private network": (
        lambda all_: all_["NetworkPolicy", "webhooks"]["spec"]["egress"][0]["to"][0]["ipBlock"][
            "except"
        ].remove("10.0.0.0/8"),
        "disagree about 10.0.0.0/8",
    ),
    "a scrape": (
        lambda all_: set_in(
            all_["ServiceMonitor", "consent-ledger"], "spec", "endpoints", 0, "path", to="/metric"
        ),
        "/metric, which",
    ),
    "the durability": (
        lambda all_: set_in(
            all_["Cluster", "consent-ledger-db"],
            "spec",
            "postgresql",
            "synchronous",
            "dataDurability",
            to="preferred",
        ),
        "may be lost",
    ),
    "the bucket": (
        lambda all_: set_in(
            all_["Cluster", "consent-ledger-db"],
            "spec",
            "plugins",
            0,
            "parameters",
            "barmanObjectName",
            to="x",
        ),
        "not there",
    ),
    "the backup": (
        lambda all_: set_in(
            all_["ScheduledBackup", "consent-ledger-db"], "spec", "method", to="barmanObjectStore"
        ),
        "another plugin",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_misspelt_is_found(what: str) -> None:
    manifests = copy.deepcopy(overlay("prod"))
    change, finding = WRONG[what]
    change({(one["kind"], one["metadata"]["name"]): one for one in manifests})
    assert any(finding in line for line in findings(manifests)), findings(manifests)
