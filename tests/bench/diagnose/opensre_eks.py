"""Recorded answers about workloads of managed Kubernetes as the product's own readings."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.diagnosis.cluster.podspec import Container, ContainerState, PodSpec
from bot.domain.diagnosis.cluster.state import ClusterState, Event, Node, NodeCondition, Pod, Workload
from bot.domain.telemetry import LogLine, Telemetry
from tests.bench.diagnose.opensre_rds import when
from tests.bench.diagnose.opensre_words import alert_of, read_json

Body = Mapping[str, Any]
_LEVELS = ("error", "critical", "emergency")
_FIRING = ("alert", "alerting", "triggered")
_CONDITIONS = (
    ("ready", "Ready"),
    ("memory_pressure", "MemoryPressure"),
    ("disk_pressure", "DiskPressure"),
    ("pid_pressure", "PIDPressure"),
    ("network_unavailable", "NetworkUnavailable"),
)


def cluster_parts(facts: Body, alert: Body, files: Mapping[str, Path]) -> Telemetry:
    """One namespace, its lines, and the alert with the monitors as alerts of their own."""
    read = {name: read_json(path) for name, path in files.items()}
    labels = alert.get("commonLabels", {})
    workload = str(labels.get("workload_name") or facts.get("workload_name") or labels.get("service") or "")
    namespace = str(labels.get("namespace") or facts.get("namespace") or "default")
    events = read.get("eks_events", {}).get("warning_events", read.get("eks_events", {}).get("events", []))
    logs = tuple(_lines(read, workload))
    times = [line.at for line in logs] + [when(one["last_time"]) for one in events if one.get("last_time")]
    now = max(times, default=0.0)
    state = ClusterState(
        namespace=namespace,
        pods=tuple(_pod(one, workload) for one in read.get("eks_pods", {}).get("pods", [])),
        workloads=tuple(_workload(one) for one in read.get("eks_deployments", {}).get("deployments", [])),
        nodes=tuple(_node(one) for one in read.get("eks_node_health", {}).get("nodes", [])),
        events=tuple(_event(one, now) for one in events),
    )
    monitors = _monitors(read.get("datadog_monitors", {}).get("monitors", []), workload, now)
    return Telemetry(
        opened_at=now, now=now, alerts=(alert_of(alert, workload, now), *monitors), logs=logs, cluster=state
    )


def _pod(body: Body, workload: str) -> Pod:
    conditions = {str(one.get("type")): str(one.get("status")) for one in body.get("conditions", [])}
    owner = (
        workload
        if str(body.get("name", "")).startswith(workload)
        else str(body.get("name", "")).rsplit("-", 2)[0]
    )
    return Pod(
        name=str(body.get("name", "")),
        workload=owner,
        labels={},
        spec=PodSpec(containers=tuple(_container(one) for one in body.get("containers", []))),
        node=str(body.get("node_name") or ""),
        phase=str(body.get("phase", "")),
        reason=str(body.get("reason") or ""),
        message=str(body.get("message") or ""),
        conditions=conditions,
    )


def _container(body: Body) -> Container:
    state, last = body.get("state", {}) or {}, body.get("last_state", body.get("lastState", {})) or {}
    kind = next((name for name in ("waiting", "terminated", "running") if state.get(name)), "")
    running = kind == "running"
    code = state.get("exit_code")
    return Container(
        name=str(body.get("name", "")),
        image=str(body.get("image", "")),
        state=ContainerState(
            state=kind,
            reason=str(state.get("reason") or ""),
            message=str(state.get("message") or ""),
            exit_code=None if running or code is None else int(code),
            restarts=int(body.get("restart_count", 0)),
            ready=bool(body.get("ready")),
            last_reason=str(last.get("reason") or ""),
            last_exit=int(last["exit_code"])
            if last.get("exit_code") is not None
            else (int(code) if running and code is not None else None),
            last_message=str(last.get("message") or ""),
        ),
    )


def _workload(body: Body) -> Workload:
    desired, ready = int(body.get("desired") or 0), int(body.get("ready") or 0)
    return Workload(
        str(body.get("kind", "Deployment")), str(body.get("name", "")), {}, PodSpec(), desired, ready, desired
    )


def _node(body: Body) -> Node:
    conditions = {
        ours: NodeCondition(str(body[theirs]), str(body.get("reason") or ""), str(body.get("message") or ""))
        for theirs, ours in _CONDITIONS
        if body.get(theirs) is not None
    }
    return Node(str(body.get("name", "")), cordoned=bool(body.get("unschedulable")), conditions=conditions)


def _event(body: Body, now: float) -> Event:
    kind, _, name = str(body.get("involved_object", "")).partition("/")
    last = str(body.get("last_time") or body.get("first_time") or "")
    return Event(
        kind.lower(), name, str(body.get("reason", "")), str(body.get("message", "")), str(body.get("type", "Warning")) != "Normal",
        int(body.get("count") or 1), max(0.0, now - when(last)) if last else 0.0,
    )  # fmt: skip


def _lines(read: Mapping[str, Body], workload: str) -> Iterator[LogLine]:
    for one in read.get("datadog_logs", {}).get("logs", []):
        yield LogLine(
            str(one.get("service") or workload), when(one["timestamp"]), str(one.get("message", ""))
        )
    body = read.get("eks_pod_logs", {})
    at = 0.0
    for text in _texts(body):
        head, _, rest = text.partition(" ")
        try:
            at = when(head)
        except ValueError:
            rest = text
        yield LogLine(workload, at, rest)


def _texts(body: Body) -> Sequence[str]:
    logs = body.get("logs", "")
    return (
        [line for line in logs.splitlines() if line.strip()]
        if isinstance(logs, str)
        else [str(one) for one in logs]
    )


def _monitors(bodies: Sequence[Body], workload: str, now: float) -> tuple[Alert, ...]:
    return tuple(
        Alert(
            fingerprint=f"monitor {one.get('id', one.get('name', ''))}",
            source="datadog",
            name=str(one.get("name", "")),
            status=AlertStatus.FIRING
            if str(one.get("overall_state", "")).lower() in _FIRING
            else AlertStatus.RESOLVED,
            severity=AlertSeverity.WARNING,
            service=workload,
            summary=str(one.get("message", "")),
            starts_at=now,
            received_at=now,
            labels={"query": str(one.get("query", ""))},
        )
        for one in bodies
    )
