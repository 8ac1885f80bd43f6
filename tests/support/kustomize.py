"""Rendering our overlays: with `kubectl kustomize` where there is one, else as far as we use Kustomize.

`python -m tests.support.kustomize FOLDER` writes each into a file of its own.

Ours knows resources, components, namespaces, generated config maps, image tags and strategic merge patches.
It gives generated names no hash at their end; that of kubectl is taken away, so that both agree.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
K8S: Final = ROOT / "k8s"
OVERLAYS: Final = ("dev", "prod")
# The parser in C where PyYAML was built with it: ten times as fast.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Manifest = dict[str, Any]
_CLUSTER_WIDE: Final = {"Namespace"}
_WHOLE_LISTS: Final = {"items", "sources", "accessModes", "args", "command"}


def have_kubectl() -> bool:
    """Whether `kubectl` is installed."""
    return shutil.which("kubectl") is not None


def rendered(folder: Path) -> list[Manifest]:
    """The manifests of a folder with a `kustomization.yaml`, sorted by kind and name."""
    return by_kubectl(folder) if have_kubectl() else by_us(folder)


def by_kubectl(folder: Path) -> list[Manifest]:
    """The same, by kubectl; names of config maps without their hash."""
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    generated = re.findall(
        r"^  name: (consent-ledger-(?:settings|dashboard)-[a-z0-9]{10})$", done.stdout, re.MULTILINE
    )
    text = done.stdout
    for name in generated:
        text = text.replace(name, name.rpartition("-")[0])
    return _sorted([one for one in yaml.load_all(text, Loader=_LOADER) if one])


def by_us(folder: Path) -> list[Manifest]:
    """The same, by ourselves."""
    return _sorted(_build(folder, []))


def documents(path: Path) -> list[Manifest]:
    """The manifests of one file."""
    return [one for one in yaml.load_all(path.read_text(encoding="utf-8"), Loader=_LOADER) if one]


def _sorted(manifests: list[Manifest]) -> list[Manifest]:
    return sorted(manifests, key=lambda one: (one["kind"], one["metadata"]["name"]))


def _build(folder: Path, before: list[Manifest]) -> list[Manifest]:
    """What the folder makes of what the folders before it made."""
    (plan,) = documents(folder / "kustomization.yaml")
    made = list(before)
    for name in plan.get("resources", []):
        path = (folder / name).resolve()
        made += _build(path, []) if path.is_dir() else documents(path)
    for name in plan.get("components", []):
        made = _build((folder / name).resolve(), made)
    for generator in plan.get("configMapGenerator", []):
        _generate(made, generator, folder)
    for patch in plan.get("patches", []):
        _patch(made, patch, folder)
    for image in plan.get("images", []):
        _tag(made, image["name"], image["newTag"])
    if "namespace" in plan:
        for one in made:
            if one["kind"] not in _CLUSTER_WIDE:
                one["metadata"]["namespace"] = plan["namespace"]
    return made


def _of(made: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [one for one in made if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def _patch(made: list[Manifest], patch: Manifest, folder: Path) -> None:
    for change in documents(folder / patch["path"]):
        named = {"kind": change["kind"], "name": change["metadata"]["name"]}
        for one in _targets(made, patch.get("target", named)):
            _merge(one, {key: value for key, value in change.items() if key != "metadata"})


def _targets(made: list[Manifest], target: dict[str, str]) -> list[Manifest]:
    """Those of a kind that have a name, or a label."""
    if "name" in target:
        return [_of(made, target["kind"], target["name"])]
    key, _, value = target["labelSelector"].partition("=")
    return [
        one
        for one in made
        if one["kind"] == target["kind"] and one["metadata"].get("labels", {}).get(key) == value
    ]


def _generate(made: list[Manifest], generator: Manifest, folder: Path) -> None:
    data = dict(literal.split("=", 1) for literal in generator.get("literals", []))
    data |= {name: (folder / name).read_text(encoding="utf-8") for name in generator.get("files", [])}
    if generator.get("behavior") == "merge":
        _of(made, "ConfigMap", generator["name"])["data"].update(data)
        return
    metadata: Manifest = {"name": generator["name"]}
    if labels := generator.get("options", {}).get("labels"):
        metadata["labels"] = dict(labels)
    made.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def _tag(node: object, name: str, tag: str) -> None:
    if isinstance(node, list):
        for one in node:
            _tag(one, name, tag)
    elif isinstance(node, dict):
        if node.get("image") == name:
            node["image"] = f"{name}:{tag}"
        for one in node.values():
            _tag(one, name, tag)


def _merge(target: Manifest, change: Manifest) -> None:
    """A strategic merge: lists of named things by their name, or where they are mounted; null deletes."""
    for key, value in change.items():
        held = target.get(key)
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict) and isinstance(held, dict):
            _merge(held, value)
        elif isinstance(value, list) and isinstance(held, list) and key not in _WHOLE_LISTS:
            target[key] = _merge_named(held, value)
        else:
            target[key] = value


def _merge_named(held: list[Manifest], changes: list[Manifest]) -> list[Manifest]:
    by = "mountPath" if "mountPath" in changes[0] else "name"
    new = [change for change in changes if change[by] not in {one[by] for one in held}]
    for one in held:
        for change in changes:
            if change[by] == one[by]:
                _merge(one, change)
    return [*new, *held]


def unordered(node: object) -> object:
    """The same with lists of named things in the order of their names, for comparison."""
    if isinstance(node, dict):
        return {key: unordered(value) for key, value in node.items()}
    if isinstance(node, list):
        return sorted((unordered(one) for one in node), key=lambda one: json.dumps(one, sort_keys=True))
    return node


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for overlay in OVERLAYS:
        manifests = rendered(K8S / "overlays" / overlay)
        (target / f"{overlay}.yaml").write_text(yaml.safe_dump_all(manifests), encoding="utf-8")
