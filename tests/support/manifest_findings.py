"""Where rendered manifests disagree with the program, or with each other: one line each."""

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any, Final

from service.ledger.delivering.sinks import _REFUSED, PORTS
from service.settings.reading import FILE
from tests.support import program_facts as program
from tests.support.kustomize import Manifest

IMAGE: Final = "consent-ledger"
METRICS_PATH: Final = "/metrics"
MARGIN_SECONDS: Final = 5
OF_THE_OPERATOR: Final = "cnpg.io/cluster"
"""A label of pods that CloudNativePG makes: they are in no manifest."""

_SELECTING: Final = ("Service", "PodDisruptionBudget", "NetworkPolicy", "Deployment", "StatefulSet")
_STAY: Final = ("serve", "worker", "relay")
_UNTRUSTED: Final = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}


class Workload:
    """A pod template and what stands round it."""

    def __init__(self, manifest: Manifest, template: Manifest, config: dict[str, dict[str, str]]) -> None:
        self.name = f"{manifest['kind']} {manifest['metadata']['name']}"
        self.labels: dict[str, str] = template["metadata"]["labels"]
        self.pod: Manifest = template["spec"]
        self.container: Manifest = self.pod["containers"][0]
        self.variables = {
            one["name"]: one["value"] for one in self.container.get("env", []) if "value" in one
        }
        for source in self.container.get("envFrom", []):
            self.variables |= config[source["configMapRef"]["name"]]

    @property
    def ports(self) -> dict[str, int]:
        """Its ports by name."""
        return {one["name"]: one["containerPort"] for one in self.container.get("ports", [])}

    @property
    def mounts(self) -> dict[str, Manifest]:
        """The volumes by where they are mounted."""
        volumes = {volume["name"]: volume for volume in self.pod.get("volumes", [])}
        return {one["mountPath"]: volumes[one["name"]] for one in self.container["volumeMounts"]}


def workloads(manifests: list[Manifest]) -> list[Workload]:
    """Every workload."""
    config = {one["metadata"]["name"]: one["data"] for one in manifests if one["kind"] == "ConfigMap"}
    found = []
    for one in manifests:
        spec = one.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "containers" in spec.get("template", {}).get("spec", {}):
            found.append(Workload(one, spec["template"], config))
    return found


def findings(manifests: list[Manifest]) -> list[str]:
    """Everything that is wrong; nothing is what an overlay is held to."""
    all_workloads = workloads(manifests)
    ours = [one for one in all_workloads if one.container["image"].partition(":")[0] == IMAGE]
    checks: tuple[Callable[[Workload], Iterator[str]], ...] = (
        _arguments,
        _variables,
        _ports_and_probes,
        _places,
        _time_to_drain,
    )
    found = [f"{one.name}: {line}" for one in ours for check in checks for line in check(one)]
    found += [f"{one.name}: {line}" for one in all_workloads for line in _restricted(one)]
    found += [line for one in manifests for line in _references(one, manifests, all_workloads)]
    return [*found, *_egress_of_webhooks(manifests), *_database(manifests)]


def _arguments(one: Workload) -> Iterator[str]:
    if one.container["image"] != f"{IMAGE}:{program.version()}":
        yield f"image {one.container['image']}, and this is version {program.version()}"
    if "command" in one.container:
        yield "a command in place of the image's entry point"
    if refusal := program.refusal_of_arguments(one.container["args"]):
        yield refusal


def _variables(one: Workload) -> Iterator[str]:
    yield from program.refusal_of_variables(one.variables)
    for name, path in one.variables.items():
        if name.endswith(FILE) or name == "PGSSLROOTCERT":
            place = PurePosixPath(path)
            volume = one.mounts.get(str(place.parent), {})
            if place.name not in _files(volume):
                yield f"{name} names {path}, which is not mounted"


def _files(volume: Manifest) -> set[str]:
    secrets = [
        volume.get("secret", {}),
        *(part["secret"] for part in volume.get("projected", {}).get("sources", [])),
    ]
    return {item["path"] for secret in secrets for item in secret.get("items", [])}


def _ports_and_probes(one: Workload) -> Iterator[str]:
    metrics = program.setting(one.variables, "metrics_port")
    serves = {"metrics": (metrics, {METRICS_PATH})}
    if one.container["args"][0] == "serve":
        serves["http"] = (program.setting(one.variables, "port"), program.routes() - {METRICS_PATH})
    for name, port in one.ports.items():
        if serves.get(name, (None, set()))[0] != port:
            yield f"port {name} is {port}, and the program has {serves.get(name)}"
    if one.container["args"][0] not in _STAY:
        return
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = one.container.get(kind, {}).get("httpGet")
        if asked is None or asked["port"] not in one.ports:
            yield f"no {kind} at a port of its own"
        elif asked["path"] not in serves[asked["port"]][1]:
            yield f"{kind} asks {asked['path']}, which is not there"


def _places(one: Workload) -> Iterator[str]:
    data = program.image_variable("CONSENT_LEDGER_DATA_DIR")
    if (
        one.pod["securityContext"].get("runAsUser"),
        one.pod["securityContext"].get("runAsGroup"),
    ) != program.image_user():
        yield "another user than the image's"
    for path, volume in one.mounts.items():
        claimed = "persistentVolumeClaim" in volume
        if claimed and path != data:
            yield f"the state is at {path}, and the program's data at {data}"
        if volume["name"] == "keys" and path != f"{data}/keys/{program.setting(one.variables, 'ledger')}":
            yield f"keys at {path}, where the program does not look for them"
        secret = volume.get("secret") or volume.get("projected")
        if secret is not None and secret.get("defaultMode", 0o644) & 0o007:
            yield f"secrets at {path} that others may read"


def _time_to_drain(one: Workload) -> Iterator[str]:
    drain = {"serve": program.setting(one.variables, "shutdown_seconds"), "worker": program.WEBHOOK_SECONDS}
    needed = drain.get(one.container["args"][0])
    wait = one.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    if needed is not None and one.pod["terminationGracePeriodSeconds"] < wait + needed + MARGIN_SECONDS:
        grace = one.pod["terminationGracePeriodSeconds"]
        yield f"killed {grace} s after it is told to go, and it may take {wait + needed} s"


def _restricted(one: Workload) -> Iterator[str]:
    pod, container = one.pod["securityContext"], one.container["securityContext"]
    if pod.get("runAsNonRoot") is not True or pod.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "not restricted: root, or no seccomp profile"
    if {key: container.get(key) for key in _UNTRUSTED} != _UNTRUSTED or container["capabilities"] != {
        "drop": ["ALL"]
    }:
        yield "not restricted: privileges, capabilities or a root that can be written to"
    if one.pod.get("automountServiceAccountToken") is not False:
        yield "has a token for the API server"
    resources = one.container["resources"]
    if not {"cpu", "memory"} <= set(resources["requests"]) or "memory" not in resources["limits"]:
        yield "no requests, or no limit of memory"


def _references(one: Manifest, manifests: list[Manifest], pods: list[Workload]) -> Iterator[str]:
    name, spec = f"{one['kind']} {one['metadata']['name']}", one.get("spec", {})
    selected = [pod for pod in pods if _selects(_selector(one), pod.labels)]
    is_elsewhere = OF_THE_OPERATOR in _selector(one) or _is_of_the_database(one)
    if one["kind"] in _SELECTING and not selected and not is_elsewhere:
        yield f"{name}: selects no pod"
    offered = {port for pod in selected for port in pod.ports}
    for port in _named_ports(one):
        if port not in offered:
            yield f"{name}: port {port}, which no selected pod has"
    target = spec.get("scaleTargetRef")
    if target and not _exists(manifests, target["kind"], target["name"]):
        yield f"{name}: scales what is not there"
    if one["kind"] == "ServiceMonitor":
        services = [
            service
            for service in manifests
            if service["kind"] == "Service"
            and _selects(spec["selector"]["matchLabels"], service["metadata"].get("labels", {}))
        ]
        for endpoint in spec["endpoints"]:
            ports = {port["name"] for service in services for port in service["spec"]["ports"]}
            if endpoint["port"] not in ports or endpoint["path"] != METRICS_PATH:
                yield f"{name}: scrapes {endpoint['port']}{endpoint['path']}, which is not there"


def _selector(one: Manifest) -> dict[str, str]:
    spec = one.get("spec", {})
    selector: Any = spec.get("podSelector", spec.get("selector", {}))
    found: dict[str, str] = selector.get("matchLabels", {} if "matchLabels" in selector else selector)
    return found


def _selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()


def _is_of_the_database(one: Manifest) -> bool:
    return _selector(one) == {"consent-ledger/database": "server"}


def _named_ports(one: Manifest) -> Iterator[str]:
    spec = one.get("spec", {})
    if one["kind"] == "Service":
        yield from (port["targetPort"] for port in spec["ports"])
    if one["kind"] == "NetworkPolicy":
        for rule in spec.get("ingress", []):
            yield from (port["port"] for port in rule.get("ports", []) if isinstance(port["port"], str))


def _exists(manifests: list[Manifest], kind: str, name: str) -> bool:
    return any((one["kind"], one["metadata"]["name"]) == (kind, name) for one in manifests)


def _egress_of_webhooks(manifests: list[Manifest]) -> Iterator[str]:
    (policy,) = [
        one for one in manifests if (one["kind"], one["metadata"]["name"]) == ("NetworkPolicy", "webhooks")
    ]
    (rule,) = policy["spec"]["egress"]
    left_out = {network for to in rule["to"] for network in to["ipBlock"]["except"]}
    for network in left_out ^ {str(network) for network in _REFUSED}:
        yield f"NetworkPolicy webhooks: it and the program disagree about {network}"
    if {to["ipBlock"]["cidr"] for to in rule["to"]} != {"0.0.0.0/0", "2000::/3"}:
        yield "NetworkPolicy webhooks: another Internet than the program's"
    if {port["port"] for port in rule["ports"]} != PORTS:
        yield "NetworkPolicy webhooks: other ports than the program's"


def _database(manifests: list[Manifest]) -> Iterator[str]:
    clusters = [one for one in manifests if one["kind"] == "Cluster"]
    if not clusters:
        return
    (cluster,) = clusters
    spec, name = cluster["spec"], cluster["metadata"]["name"]
    wanted = {"method": "any", "number": 1, "dataDurability": "required", "failoverQuorum": True}
    if spec["postgresql"]["synchronous"] != wanted or spec["instances"] < 3:
        yield "Cluster: a commit may be lost with an instance"
    (plugin,) = spec["plugins"]
    if not _exists(manifests, "ObjectStore", plugin["parameters"]["barmanObjectName"]):
        yield "Cluster: archives to a store that is not there"
    for backup in [one["spec"] for one in manifests if one["kind"] == "ScheduledBackup"]:
        how = (backup["cluster"]["name"], backup["method"], backup["pluginConfiguration"]["name"])
        if how != (name, "plugin", plugin["name"]):
            yield "ScheduledBackup: of another cluster, or by another plugin"
    for workload in workloads(manifests):
        for source in (
            workload.mounts.get("/run/secrets/consent-ledger", {}).get("projected", {}).get("sources", [])
        ):
            secret = source["secret"]["name"]
            if secret.startswith(name) and secret not in {f"{name}-app", f"{name}-ca"}:
                yield f"{workload.name}: the operator makes no Secret {secret}"
