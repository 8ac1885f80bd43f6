"""The schemas of the operators' resources, where Go's module cache holds them.

They are read where Go keeps what it downloaded, and copied nowhere; as a program (`make crds`) this has Go
download them.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import yaml

MODULES: Final = {
    "github.com/cloudnative-pg/cloudnative-pg": "v1.30.0",
    "github.com/cloudnative-pg/plugin-barman-cloud": "v0.14.0",
    "github.com/prometheus-operator/prometheus-operator": "v0.93.0",
}
FILES: Final = {
    "Cluster": ("cloudnative-pg", "config/crd/bases/postgresql.cnpg.io_clusters.yaml"),
    "ScheduledBackup": ("cloudnative-pg", "config/crd/bases/postgresql.cnpg.io_scheduledbackups.yaml"),
    "ObjectStore": ("plugin-barman-cloud", "config/crd/bases/barmancloud.cnpg.io_objectstores.yaml"),
    "ServiceMonitor": (
        "prometheus-operator",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ),
    "PodMonitor": (
        "prometheus-operator",
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
    ),
    "PrometheusRule": (
        "prometheus-operator",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
}


def schema_of(kind: str, api_version: str) -> dict[str, Any] | None:
    """The JSON Schema of a kind, closed: a field that it does not name is an error. None: it is not here."""
    module, file = FILES[kind]
    (path, version) = next(
        (path, version) for path, version in MODULES.items() if path.endswith(f"/{module}")
    )
    cache = Path(
        os.environ.get("GOMODCACHE") or Path(os.environ.get("GOPATH", Path.home() / "go")) / "pkg" / "mod"
    )
    found = cache / f"{path}@{version}" / file
    if not found.is_file():
        return None
    spec = yaml.safe_load(found.read_text(encoding="utf-8"))["spec"]
    wanted = api_version.partition("/")[2]
    (served,) = [one for one in spec["versions"] if one["name"] == wanted and one["served"]]
    schema: dict[str, Any] = served["schema"]["openAPIV3Schema"]
    # The API server knows what metadata is; the schema only says that it is an object.
    schema["properties"]["metadata"] = {"type": "object"}
    return _closed(schema)


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    if "properties" in schema:
        schema["properties"] = {name: _closed(one) for name, one in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
    if isinstance(schema.get("additionalProperties"), dict):
        schema["additionalProperties"] = _closed(schema["additionalProperties"])
    if "items" in schema:
        schema["items"] = _closed(schema["items"])
    return schema


if __name__ == "__main__":
    for path, version in MODULES.items():
        subprocess.run(["go", "mod", "download", f"{path}@{version}"], check=True)
    sys.stdout.write("The schemas of the operators' resources are in Go's module cache.\n")
