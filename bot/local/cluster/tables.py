"""Server-side printing: the Table form of a list, which `kubectl get` prints without -o."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.local.cluster.kinds import Kind, Obj, unix


@dataclass(frozen=True)
class Column:
    """One column; `wide` ones are shown with -o wide only."""

    name: str
    value: Callable[[Obj, float], Any]
    wide: bool = False


def _name(obj: Obj, _: float) -> str:
    return str(obj["metadata"]["name"])


def _age(obj: Obj, now: float) -> str:
    return duration(now - unix(obj["metadata"]["creationTimestamp"]))


def _status(key: str) -> Callable[[Obj, float], Any]:
    return lambda obj, _: (obj.get("status") or {}).get(key, 0)


def _spec(key: str) -> Callable[[Obj, float], Any]:
    return lambda obj, _: (obj.get("spec") or {}).get(key, "<none>")


def _deployment_ready(obj: Obj, _: float) -> str:
    return f"{(obj.get('status') or {}).get('readyReplicas', 0)}/{obj['spec']['replicas']}"


def _images(obj: Obj, _: float) -> str:
    return ",".join(c["image"] for c in obj["spec"]["template"]["spec"]["containers"])


def _container_names(obj: Obj, _: float) -> str:
    return ",".join(c["name"] for c in obj["spec"]["template"]["spec"]["containers"])


def _selector(obj: Obj, _: float) -> str:
    return ",".join(f"{key}={value}" for key, value in obj["spec"]["selector"]["matchLabels"].items())


def _containers(obj: Obj) -> list[Obj]:
    statuses: list[Obj] = obj["status"].get("containerStatuses") or []
    return statuses


def _pod_ready(obj: Obj, _: float) -> str:
    return f"{sum(c['ready'] for c in _containers(obj))}/{len(obj['spec']['containers'])}"


def _pod_status(obj: Obj, _: float) -> str:
    for container in _containers(obj):
        if reason := container["state"].get("waiting", {}).get("reason"):
            return str(reason)
    return str(obj["status"]["phase"])


def _restarts(obj: Obj, _: float) -> int:
    return sum(c["restartCount"] for c in _containers(obj))


def _event_object(obj: Obj, _: float) -> str:
    about = obj["involvedObject"]
    return f"{about['kind'].lower()}/{about['name']}"


def _last_seen(obj: Obj, now: float) -> str:
    return duration(now - unix(obj["lastTimestamp"]))


_NAME, _AGE = Column("Name", _name), Column("Age", _age)
_COLUMNS: dict[str, tuple[Column, ...]] = {
    "deployments": (
        _NAME,
        Column("Ready", _deployment_ready),
        Column("Up-to-date", _status("updatedReplicas")),
        Column("Available", _status("availableReplicas")),
        _AGE,
        Column("Containers", _container_names, wide=True),
        Column("Images", _images, wide=True),
        Column("Selector", _selector, wide=True),
    ),
    "replicasets": (
        _NAME,
        Column("Desired", _spec("replicas")),
        Column("Current", _status("replicas")),
        Column("Ready", _status("readyReplicas")),
        _AGE,
        Column("Images", _images, wide=True),
    ),
    "pods": (
        _NAME,
        Column("Ready", _pod_ready),
        Column("Status", _pod_status),
        Column("Restarts", _restarts),
        _AGE,
        Column("IP", lambda obj, _: obj["status"].get("podIP", "<none>"), wide=True),
        Column("Node", _spec("nodeName"), wide=True),
    ),
    "services": (_NAME, Column("Type", _spec("type")), Column("Cluster-IP", _spec("clusterIP")), _AGE),
    "events": (
        Column("Last Seen", _last_seen),
        Column("Type", lambda obj, _: obj["type"]),
        Column("Reason", lambda obj, _: obj["reason"]),
        Column("Object", _event_object),
        Column("Message", lambda obj, _: obj["message"]),
    ),
    "nodes": (_NAME, Column("Status", lambda *_: "Ready"), Column("Roles", lambda *_: "<none>"), _AGE),
    "namespaces": (_NAME, Column("Status", lambda *_: "Active"), _AGE),
    "configmaps": (_NAME, Column("Data", lambda obj, _: len(obj.get("data") or {})), _AGE),
}


def table(kind: Kind, objects: list[Obj], now: float, version: str, *, header: bool = True) -> Obj:
    """A meta.k8s.io/v1 Table of the objects, each row with its whole object; no header inside a watch."""
    columns = _COLUMNS.get(kind.plural, (_NAME, _AGE))
    definitions = [
        {"name": c.name, "type": "string", "format": "", "description": "", "priority": int(c.wide)}
        for c in columns
    ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version},
        "columnDefinitions": definitions if header else None,
        "rows": [{"cells": [c.value(obj, now) for c in columns], "object": obj} for obj in objects],
    }


def duration(seconds: float) -> str:
    """An age as kubectl writes it: 45s, 5m10s, 12m, 3h20m, 9h, 4d5h, 12d."""
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole}s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 10:
        return f"{minutes}m{whole % 60}s" if whole % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    return f"{days}d"
