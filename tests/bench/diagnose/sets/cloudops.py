"""A recorded cluster: a case is a folder with tool_cache.json.gz, every answer that read-only tools gave.

The answers go through the product's own reader of API objects and its engine; only the names of causes are
translated into the recording's vocabulary.
"""

import contextlib
import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import yaml

from bot.domain.diagnosis.cluster.cause import Cause
from bot.domain.diagnosis.cluster.quantity import quantity
from bot.domain.diagnosis.cluster.read_objects import cluster_state
from bot.domain.diagnosis.cluster.state import ClusterState, Daemon, LogSample, Measure, Reach, Shift
from bot.domain.evidence import EvidenceRole
from bot.domain.telemetry import Telemetry
from tests.bench.diagnose import kubetext
from tests.bench.diagnose.case import Case, Row, folders_with, root_of, timed
from tests.bench.diagnose.cloudops_words import WORDS

NOW = 1_700_000_000.0  # A state has no clock of its own.
Obj = dict[str, Any]
Cache = Mapping[str, Any]
# A tool's answer may be cut off or an error; what cannot be read is left out.
UNREADABLE = (ValueError, KeyError, IndexError, AttributeError, TypeError)
TREE = re.compile(r"^(?P<stem>[│├└─ ]*)(?P<name>[\w.-]+)")
DESCRIBED = {
    "pods": kubetext.pod, "deployments": kubetext.deployment, "statefulsets": kubetext.deployment,
    "replicasets": kubetext.replica_set, "persistentvolumeclaims": kubetext.claim,
    "persistentvolumes": kubetext.volume, "storageclasses": kubetext.storage_class, "nodes": kubetext.node,
    "resourcequota": kubetext.quota, "resourcequotas": kubetext.quota,
}  # fmt: skip
LISTED = {"serviceaccounts": "ServiceAccount", "secrets": "Secret"}
SINGULAR = {"resourcequota": "resourcequota", "storageclasses": "storageclass", "ingresses": "ingress"}
MEASURES = (
    ("retrans", Measure.RETRANSMISSION), ("loss", Measure.LOSS), ("throttled", Measure.THROTTLED),
    ("cfs", Measure.THROTTLED), ("cpu", Measure.CPU), ("memory", Measure.MEMORY), ("rtt", Measure.ROUND_TRIP),
    ("round", Measure.ROUND_TRIP), ("latency", Measure.LATENCY), ("delay", Measure.ROUND_TRIP),
    ("pps", Measure.TRAFFIC), ("bps", Measure.TRAFFIC), ("error", Measure.ERRORS),
)  # fmt: skip


def cases(data: Path) -> Iterator[Case]:
    """Every folder with a recording; ids as in `answers/`: below the set's own folder where there is one."""
    for folder in folders_with(data, "tool_cache.json.gz"):
        parts = folder.relative_to(root_of(data)).parts
        own = parts.index("cloudops") + 1 if "cloudops" in parts else 0
        yield Case("/".join(parts[own:]), partial(_run, folder))


@cache
def state_of(folder: Path) -> ClusterState:
    """The recording of a case as the product's own state."""
    with gzip.open(folder / "tool_cache.json.gz", "rt", encoding="utf-8") as file:
        return state_from(json.load(file))


def _run(folder: Path) -> Row:
    told = Telemetry(opened_at=NOW, now=NOW, cluster=state_of(folder))
    answer = timed(told)
    found = answer.diagnosis
    blamed = [one for one in found.evidence if one.role is EvidenceRole.CAUSE and "cause" in one.value]
    order = [number for hypothesis in found.hypotheses for number in hypothesis.evidence]
    blamed.sort(key=lambda one: order.index(one.id) if one.id in order else len(order))
    return {
        "ranking": [row for one in blamed for row in _row(one.value)][:5],
        "confidence": found.hypotheses[0].confidence if found.hypotheses else 0.0,
        "seconds": round(answer.seconds, 6),
        "class": found.hypotheses[0].cause.value if found.hypotheses else "unknown",
        "rules": [f"{' '.join(one.rules)} {one.confidence:.2f}" for one in found.hypotheses],
    }


def _row(value: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:
    """The engine's object and cause in the recording's vocabulary; nothing where it has no word for the cause."""
    kind, _, name = str(value["object"]).partition("/")
    if value["cause"] in {cause.value for cause in WORDS}:
        taxonomy, cause = WORDS[Cause(value["cause"])]
        prefix = {"workload": "app", "node": "node", "namespace": "namespace"}[kind]
        yield {"object": f"{prefix}/{name}", "root_cause": cause, "taxonomy": taxonomy}


def state_from(cache: Cache) -> ClusterState:
    """The product's state of what the tools answered."""
    manifests = _manifests(cache)
    described, events = _described(cache)
    for one in described.values():
        with contextlib.suppress(*UNREADABLE):
            _complete(one, manifests, described)
    distinct = _distinct(events)
    objects = [*described.values(), *_further(cache), *distinct, *_routes(manifests)]
    state = cluster_state(objects, _namespace(cache), 0.0, _read_in_full(cache))
    aged = zip(state.events, distinct, strict=True)
    return replace(
        state,
        events=tuple(replace(event, age_s=float(raw["age"])) for event, raw in aged),
        daemons=tuple(_daemons(cache)),
        reaches=tuple(_reaches(cache)),
        logs=tuple(_logs(cache)),
        shifts=tuple(_shifts(cache, state)),
        calls=_dependencies(cache),
    )


def _described(cache: Cache) -> tuple[dict[str, Obj], list[Obj]]:
    """Objects by kind and name, and the events of all descriptions and lists."""
    described: dict[str, Obj] = {}
    events: list[Obj] = []
    for tool, asked, answer in _calls(cache):
        kind, name = str(asked.get("resource_type", "")), str(asked.get("name", ""))
        if tool == "GetResources" and kind == "events":
            events += kubetext.listed_events(str(answer))
        elif tool == "DescribeResource" and name and str(answer).startswith("Name:"):
            events += kubetext.described_events(answer, SINGULAR.get(kind, kind.rstrip("s")), name)
            if kind in DESCRIBED:
                with contextlib.suppress(*UNREADABLE):
                    described[f"{kind}/{name}"] = DESCRIBED[kind](answer)
    return described, events


def _further(cache: Cache) -> Iterator[Obj]:
    """Services with their endpoints, and the names of what was only listed."""
    for tool, asked, answer in _calls(cache):
        kind, name = str(asked.get("resource_type", "")), str(asked.get("name", ""))
        if tool == "DescribeResource" and kind == "services" and str(answer).startswith("Name:"):
            with contextlib.suppress(*UNREADABLE):
                yield from kubetext.service(answer)
        elif tool == "GetResources" and kind in LISTED and not name:
            for line in str(answer).splitlines()[1:]:
                if line.strip():
                    yield {"kind": LISTED[kind], "metadata": {"name": line.split()[0]}}


def _calls(cache: Cache) -> Iterator[tuple[str, Obj, Any]]:
    for key, answer in cache.items():
        tool, _, asked = key.partition(":")
        try:
            yield tool, json.loads(asked) if asked else {}, answer
        except ValueError:
            continue


def _namespace(cache: Cache) -> str:
    names = [str(asked["namespace"]) for tool, asked, _ in _calls(cache) if asked.get("namespace")]
    return max(set(names), key=names.count) if names else ""


def _read_in_full(cache: Cache) -> set[str]:
    kinds = {
        "serviceaccounts": "ServiceAccount", "persistentvolumeclaims": "PersistentVolumeClaim",
        "storageclasses": "StorageClass", "endpoints": "Endpoints",
    }  # fmt: skip
    return {
        kinds[asked["resource_type"]]
        for tool, asked, answer in _calls(cache)
        if tool == "GetResources" and asked.get("resource_type") in kinds and not asked.get("name")
        # Service accounts always exist, so that an empty list of them was not read.
        if isinstance(answer, str) and (answer.strip() or asked["resource_type"] != "serviceaccounts")
    }


def _manifests(cache: Cache) -> dict[tuple[str, str], Obj]:
    found: dict[tuple[str, str], Obj] = {}
    for tool, _, answer in _calls(cache):
        if tool == "GetAppYAML" and isinstance(answer, str):
            try:
                documents = [one for one in yaml.safe_load_all(answer) if isinstance(one, dict)]
            except yaml.YAMLError:
                continue
            for one in documents:
                name = str((one.get("metadata") or {}).get("name"))
                found[(str(one.get("kind")), name)] = one
    return found


def _complete(one: Obj, manifests: Mapping[tuple[str, str], Obj], described: Mapping[str, Obj]) -> None:
    """Add what describe hides, from the manifest of the object or of the pod's workload."""
    name = str(one["metadata"]["name"])
    manifest = manifests.get((one["kind"], name)) or manifests.get(("StatefulSet", name)) or {}
    asked = manifest.get("spec") or {}
    if one["kind"] in ("Deployment", "StatefulSet"):
        wanted = ((asked.get("template") or {}).get("spec")) or {}
        _fill(one["spec"]["template"]["spec"], wanted)
    elif one["kind"] == "Pod":
        owner = _workload_of(one, described)
        manifest = manifests.get(("Deployment", owner)) or manifests.get(("StatefulSet", owner)) or {}
        wanted = (((manifest.get("spec") or {}).get("template") or {}).get("spec")) or {}
        _fill(one["spec"], wanted)
    elif one["kind"] in ("PersistentVolumeClaim", "PersistentVolume"):
        for key, value in asked.items():
            if key not in one["spec"] or (
                key in ("accessModes", "resources") and one["kind"] != "PersistentVolume"
            ):
                one["spec"][key] = value
    elif one["kind"] == "Node":
        status = one["status"]
        status["free"] = {
            key: quantity(status["allocatable"].get(key, 0)) - quantity(used)
            for key, used in status.pop("requested").items()
        }


def _fill(spec: Obj, wanted: Mapping[str, Any]) -> None:
    for key in ("affinity", "dnsPolicy", "dnsConfig", "imagePullSecrets", "tolerations"):
        if key in wanted and key not in spec:
            spec[key] = wanted[key]
    asked = {str(c.get("name")): c for c in wanted.get("containers") or ()}
    for container in spec.get("containers", ()):
        _fill_container(container, asked.get(str(container["name"]), {}))


def _fill_container(container: Obj, manifest: Mapping[str, Any]) -> None:
    # A mesh rewrites probes in the pod; the manifest has what was meant.
    for key in ("livenessProbe", "readinessProbe", "startupProbe"):
        if key in manifest and "app-health" in json.dumps(container.get(key, {})):
            container[key] = manifest[key]
    named = {p.get("containerPort"): p.get("name") for p in manifest.get("ports") or ()}
    for port in container.get("ports", ()):
        if named.get(port["containerPort"]):
            port["name"] = named[port["containerPort"]]


def _workload_of(pod: Obj, described: Mapping[str, Obj]) -> str:
    owners = pod["metadata"].get("ownerReferences") or [{}]
    name = str(owners[0].get("name", ""))
    if owners[0].get("kind") not in (None, "", "ReplicaSet"):
        return name
    above = described.get(f"replicasets/{name}", {}).get("metadata", {}).get("ownerReferences") or [{}]
    return str(above[0].get("name") or name.rpartition("-")[0])


def _routes(manifests: Mapping[tuple[str, str], Obj]) -> Iterator[Obj]:
    return (
        one for (kind, _), one in manifests.items() if kind in ("Ingress", "NetworkPolicy", "VirtualService")
    )


def _distinct(events: Sequence[Obj]) -> list[Obj]:
    found: dict[tuple[str, ...], Obj] = {}
    for one in events:
        about = one["involvedObject"]
        key = (about["kind"], about["name"], one["reason"], one["message"])
        if key not in found or found[key]["count"] < one["count"]:
            found[key] = one
    return list(found.values())


def _daemons(cache: Cache) -> Iterator[Daemon]:
    for tool, asked, answer in _calls(cache):
        if tool == "CheckNodeServiceStatus" and isinstance(answer, str):
            status = re.search(r"Active:\s+(.*)", answer)
            if status:
                active = status[1].startswith("active")
                yield Daemon(
                    str(asked.get("node_name")), str(asked.get("service_name")), active, status[1].strip()
                )


def _reaches(cache: Cache) -> Iterator[Reach]:
    for tool, asked, answer in _calls(cache):
        if tool != "CheckServiceConnectivity" or not isinstance(answer, str) or "service_name" not in asked:
            continue
        service, port = str(asked["service_name"]), int(asked.get("port") or 0)
        parts = re.split(r"deployed on ([\w.-]+):", answer)
        if len(parts) == 1:
            yield Reach(service, port, "Succeeded" in answer)
        for node, said in zip(parts[1::2], parts[2::2], strict=True):
            if said.strip():
                yield Reach(service, port, "Succeeded" in said or " open" in said, node)


def _logs(cache: Cache) -> Iterator[LogSample]:
    for tool, asked, answer in _calls(cache):
        if not re.fullmatch(r"Get\w*Logs", tool):
            continue
        workload, found = str(asked.get("service_name") or asked.get("app_name") or ""), _loaded(answer)
        if isinstance(found, Mapping):
            for one in found.get("patterns") or ():
                text, share = str(one.get("sample") or one.get("pattern")), float(one.get("ratio") or 0)
                yield LogSample(workload, text, int(one.get("count") or 1), share)
        elif isinstance(found, str):
            for line in found.splitlines()[-200:]:
                if re.search(
                    r"error|fail|exception|denied|refused|fatal|timeout|no such host", line, re.IGNORECASE
                ):
                    yield LogSample(workload, line)


def _loaded(answer: Any) -> Any:
    if isinstance(answer, str) and answer.lstrip().startswith("{"):
        try:
            return json.loads(answer)
        except ValueError:
            return answer
    return answer


def _shifts(cache: Cache, state: ClusterState) -> Iterator[Shift]:
    found = _loaded(next((answer for tool, _, answer in _calls(cache) if tool == "GetAlerts"), {}))
    for one in (found.get("alerts") or ()) if isinstance(found, Mapping) else ():
        name = str(one.get("name"))
        kind = "node" if str(one.get("type")) == "Node" else "workload"
        owner = next((pod.workload for pod in state.pods if pod.name == name), name)
        for text in one.get("evidence") or ():
            head, *parts = str(text).split(" | ")
            for part in parts:
                shift = _shift(kind, owner, head, part)
                if shift is not None:
                    yield shift


def _shift(kind: str, name: str, head: str, part: str) -> Shift | None:
    words = f"{part} {head}".lower()
    measure = next((one for mark, one in MEASURES if mark in words), None)
    levels = re.search(r"Normal=([\d.]+).*?Current=([\d.]+)", part)
    single = re.search(r"Val: ([\d.]+)", part)
    if measure is None or not (levels or single):
        return None
    if kind == "node" and measure is Measure.LATENCY:
        measure = Measure.ROUND_TRIP
    if levels:
        return Shift(kind, name, measure, float(levels[1]), float(levels[2]), f"{head} {part}")
    return Shift(kind, name, measure, None, float(single[1]) if single else 0.0, f"{head} {part}")


def _dependencies(cache: Cache) -> dict[str, tuple[str, ...]]:
    calls: dict[str, list[str]] = {}
    for tool, _, answer in _calls(cache):
        if tool == "GetServiceDependencies" and isinstance(answer, str):
            for caller, callee in _edges(answer.partition("[Downstream")[2].splitlines()[1:]):
                if callee not in calls.setdefault(caller, []):
                    calls[caller].append(callee)
    return {caller: tuple(callees) for caller, callees in sorted(calls.items())}


def _edges(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    above: list[tuple[int, str]] = []
    for line in lines:
        match = TREE.match(line)
        if match is None or line.startswith("("):
            continue
        depth = len(match["stem"])
        above = [one for one in above if one[0] < depth]
        if above:
            yield above[-1][1], match["name"]
        above.append((depth, match["name"]))
