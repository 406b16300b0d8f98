"""The state of a namespace from the API's own objects: pods, workloads, services, storage, nodes, quotas, events."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.domain.diagnosis.cluster.podspec import PodSpec
from bot.domain.diagnosis.cluster.quantity import quantity
from bot.domain.diagnosis.cluster.read_spec import pod_spec
from bot.domain.diagnosis.cluster.state import (
    Claim,
    ClusterState,
    Event,
    Node,
    NodeCondition,
    Pod,
    Policy,
    Quota,
    Route,
    ServiceEntry,
    ServicePort,
    StorageClass,
    Taint,
    Volume,
    Workload,
)
from bot.domain.diagnosis.cluster.unread import CONTROLLERS, inferred, owner_of

Obj = Mapping[str, Any]
_SERVICE_LABELS = ("service", "app.kubernetes.io/name", "app", "k8s-app")
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def cluster_state(
    objects: Iterable[Obj], namespace: str, now: float, read: Iterable[str] = ()
) -> ClusterState:
    """The state that these objects describe; `now` in unix seconds, `read` the kinds that were asked for in full.

    A kind that was not read stays unknown, so that no rule takes "not read" for "does not exist".
    """
    kinds: dict[str, list[Obj]] = {}
    for one in objects:
        kinds.setdefault(str(one.get("kind")), []).append(one)
    known = set(read)
    owners = _owners(kinds)
    endpoints = _endpoints(kinds)
    # Every namespace has a service account and every Service its endpoints: none at all means not readable.
    slices_read = "Endpoints" in known and bool(endpoints)
    accounts = _names(kinds, "ServiceAccount") if "ServiceAccount" in known else frozenset()
    pods = tuple(_pod(one, owners) for one in _sorted(kinds, "Pod"))
    controlled = {
        _name(one)
        for one in kinds.get("Pod", ())
        for owner in (one.get("metadata") or {}).get("ownerReferences") or ()
        if owner.get("kind") in CONTROLLERS
    }
    events = tuple(_event(one, now) for one in kinds.get("Event", ()))
    return ClusterState(
        namespace=namespace,
        pods=pods,
        workloads=tuple(_workloads(kinds))
        or inferred([one for one in pods if one.name in controlled], events),
        services=tuple(_service(one, endpoints, slices_read) for one in _sorted(kinds, "Service")),
        claims=tuple(_claim(one) for one in _sorted(kinds, "PersistentVolumeClaim"))
        if "PersistentVolumeClaim" in known
        else None,
        volumes=tuple(_volume(one) for one in _sorted(kinds, "PersistentVolume")),
        storage_classes=tuple(_storage_class(one) for one in _sorted(kinds, "StorageClass"))
        if "StorageClass" in known
        else None,
        nodes=tuple(_node(one) for one in _sorted(kinds, "Node")),
        quotas=tuple(_quota(one) for one in _sorted(kinds, "ResourceQuota")),
        events=events,
        secrets=_names(kinds, "Secret") if "Secret" in known else None,
        service_accounts=accounts or None,
        routes=tuple(_routes(kinds)),
        policies=tuple(_policies(_sorted(kinds, "NetworkPolicy"))),
    )


def service_label(labels: Mapping[str, str], name: str) -> str:
    """The service that an object's labels name, else its own name."""
    return next((labels[key] for key in _SERVICE_LABELS if labels.get(key)), name)


def _sorted(kinds: Mapping[str, list[Obj]], kind: str) -> list[Obj]:
    return sorted(kinds.get(kind, ()), key=_name)


def _names(kinds: Mapping[str, list[Obj]], kind: str) -> frozenset[str]:
    return frozenset(_name(one) for one in kinds.get(kind, ()))


def _name(one: Obj) -> str:
    return str((one.get("metadata") or {}).get("name") or "")


def _labels(one: Obj) -> dict[str, str]:
    return {str(k): str(v) for k, v in ((one.get("metadata") or {}).get("labels") or {}).items()}


def _text_map(values: object) -> dict[str, str]:
    return {str(k): str(v) for k, v in values.items()} if isinstance(values, Mapping) else {}


def _owners(kinds: Mapping[str, list[Obj]]) -> dict[tuple[str, str], str]:
    """Replica sets and jobs to what owns them."""
    return {
        (kind, _name(one)): str(owner.get("name"))
        for kind in ("ReplicaSet", "Job")
        for one in kinds.get(kind, ())
        for owner in (one.get("metadata") or {}).get("ownerReferences") or ()
    }


def _pod(one: Obj, owners: Mapping[tuple[str, str], str]) -> Pod:
    status, meta = one.get("status") or {}, one.get("metadata") or {}
    statuses = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    owner: Obj = next(iter(meta.get("ownerReferences") or ()), {})
    direct = (str(owner.get("kind") or ""), str(owner.get("name") or ""))
    return Pod(
        name=_name(one),
        workload=owners.get(direct) or owner_of(*direct) or _name(one),
        labels=_labels(one),
        spec=pod_spec(one.get("spec") or {}, statuses),
        node=str((one.get("spec") or {}).get("nodeName") or ""),
        address=str(status.get("podIP") or ""),
        phase=str(status.get("phase") or ""),
        reason=str(status.get("reason") or ""),
        message=str(status.get("message") or ""),
        conditions={str(c.get("type")): str(c.get("status")) for c in status.get("conditions") or ()},
        deleted="deletionTimestamp" in meta,
    )


def _workloads(kinds: Mapping[str, list[Obj]]) -> Iterator[Workload]:
    made: dict[str, int] = {}
    for one in kinds.get("ReplicaSet", ()):
        for owner in (one.get("metadata") or {}).get("ownerReferences") or ():
            name = str(owner.get("name"))
            made[name] = made.get(name, 0) + int((one.get("status") or {}).get("replicas") or 0)
    for kind in ("Deployment", "StatefulSet", "DaemonSet"):
        for one in _sorted(kinds, kind):
            spec, status, name = one.get("spec") or {}, one.get("status") or {}, _name(one)
            template = spec.get("template") or {}
            labels = _labels(template)
            desired = spec.get("replicas", status.get("desiredNumberScheduled", 1))
            ready = status.get("readyReplicas", status.get("numberReady", 0))
            current = status.get("replicas", status.get("currentNumberScheduled", 0))
            yield Workload(
                kind=kind,
                name=name,
                labels=labels,
                spec=_template(template),
                desired=int(desired if desired is not None else 1),
                ready=int(ready or 0),
                current=made.get(name, int(current or 0)) if kind == "Deployment" else int(current or 0),
                service=service_label({**labels, **_labels(one)}, name),
            )


def _template(template: Obj) -> PodSpec:
    return pod_spec(template.get("spec") or {})


def _endpoints(kinds: Mapping[str, list[Obj]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in kinds.get("Endpoints", ()):
        addresses = found.setdefault(_name(one), [])
        for subset in one.get("subsets") or ():
            addresses.extend(str(a.get("ip")) for a in subset.get("addresses") or ())
    for one in kinds.get("EndpointSlice", ()):
        addresses = found.setdefault(_labels(one).get("kubernetes.io/service-name", ""), [])
        for entry in one.get("endpoints") or ():
            if (entry.get("conditions") or {}).get("ready") is not False:
                addresses.extend(str(a) for a in entry.get("addresses") or ())
    return found


def _service(one: Obj, endpoints: Mapping[str, Sequence[str]], read: bool) -> ServiceEntry:
    spec, name = one.get("spec") or {}, _name(one)
    ports = tuple(
        ServicePort(
            int(port.get("port") or 0),
            str(port.get("targetPort") or port.get("port") or ""),
            str(port.get("protocol") or "TCP"),
            str(port.get("name") or ""),
        )
        for port in spec.get("ports") or ()
    )
    return ServiceEntry(
        name=name,
        selector=_text_map(spec.get("selector")),
        ports=ports,
        kind=str(spec.get("type") or "ClusterIP"),
        address=str(spec.get("clusterIP") or ""),
        external_name=str(spec.get("externalName") or ""),
        endpoints=tuple(endpoints.get(name, ())) if read or name in endpoints else None,
    )


def _claim(one: Obj) -> Claim:
    spec = one.get("spec") or {}
    asked = ((spec.get("resources") or {}).get("requests") or {}).get("storage", 0)
    named = spec.get("storageClassName")
    return Claim(
        name=_name(one),
        phase=str((one.get("status") or {}).get("phase") or ""),
        asked=quantity(asked),
        modes=tuple(str(mode) for mode in spec.get("accessModes") or ()),
        storage_class=None if named is None else str(named),
        selector=_text_map((spec.get("selector") or {}).get("matchLabels")),
        volume=str(spec.get("volumeName") or ""),
    )


def _volume(one: Obj) -> Volume:
    spec = one.get("spec") or {}
    holder = spec.get("claimRef") or {}
    return Volume(
        name=_name(one),
        phase=str((one.get("status") or {}).get("phase") or ""),
        capacity=quantity((spec.get("capacity") or {}).get("storage", 0)),
        modes=tuple(str(mode) for mode in spec.get("accessModes") or ()),
        storage_class=str(spec.get("storageClassName") or ""),
        labels=_labels(one),
        claim=f"{holder.get('namespace', '')}/{holder['name']}" if holder.get("name") else "",
    )


def _storage_class(one: Obj) -> StorageClass:
    notes = (one.get("metadata") or {}).get("annotations") or {}
    return StorageClass(_name(one), str(one.get("provisioner") or ""), notes.get(_DEFAULT_CLASS) == "true")


def _node(one: Obj) -> Node:
    spec, status = one.get("spec") or {}, one.get("status") or {}
    return Node(
        name=_name(one),
        labels=_labels(one),
        taints=tuple(
            Taint(str(t.get("key")), str(t.get("value") or ""), str(t.get("effect") or "NoSchedule"))
            for t in spec.get("taints") or ()
        ),
        cordoned=bool(spec.get("unschedulable")),
        conditions={
            str(c.get("type")): NodeCondition(
                str(c.get("status")), str(c.get("reason") or ""), str(c.get("message") or "")
            )
            for c in status.get("conditions") or ()
        },
        allocatable={str(k): quantity(v) for k, v in (status.get("allocatable") or {}).items()},
        free={str(k): quantity(v) for k, v in (status.get("free") or {}).items()},
    )


def _quota(one: Obj) -> Quota:
    status, spec = one.get("status") or {}, one.get("spec") or {}
    hard = status.get("hard") or spec.get("hard") or {}
    return Quota(
        _name(one),
        {str(k): quantity(v) for k, v in (status.get("used") or {}).items()},
        {str(k): quantity(v) for k, v in hard.items()},
    )


def _event(one: Obj, now: float) -> Event:
    about = one.get("involvedObject") or one.get("regarding") or {}
    seen = one.get("lastTimestamp") or one.get("eventTime") or one.get("firstTimestamp")
    return Event(
        kind=str(about.get("kind") or "").lower(),
        name=str(about.get("name") or ""),
        reason=str(one.get("reason") or ""),
        message=str(one.get("message") or one.get("note") or ""),
        warning=one.get("type") == "Warning",
        count=int(one.get("count") or 1),
        age_s=max(0.0, now - _unix(str(seen))) if seen else 0.0,
    )


def _routes(kinds: Mapping[str, list[Obj]]) -> Iterator[Route]:
    """Where rules at the edge or of a mesh send requests."""
    for one in _sorted(kinds, "Ingress"):
        for rule in (one.get("spec") or {}).get("rules") or ():
            for path in (rule.get("http") or {}).get("paths") or ():
                backend = (path.get("backend") or {}).get("service") or {}
                number = (backend.get("port") or {}).get("number") or 0
                way = f"{rule.get('host') or ''}{path.get('path') or '/'}"
                yield Route(_name(one), way, str(backend.get("name") or ""), int(number))
    for one in _sorted(kinds, "VirtualService"):
        spec = one.get("spec") or {}
        hosts = ", ".join(str(host) for host in spec.get("hosts") or ())
        for rule in (*(spec.get("http") or ()), *(spec.get("tcp") or ())):
            for way in rule.get("route") or ():
                target = way.get("destination") or {}
                number = (target.get("port") or {}).get("number") or 0
                yield Route(_name(one), hosts, str(target.get("host") or "").partition(".")[0], int(number))


def _policies(policies: Iterable[Obj]) -> Iterator[Policy]:
    for one in policies:
        spec = one.get("spec") or {}
        kinds = spec.get("policyTypes") or ["Ingress"]
        if "Ingress" in kinds:
            selector = _text_map((spec.get("podSelector") or {}).get("matchLabels"))
            yield Policy(_name(one), selector, bool(spec.get("ingress")))


def _unix(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
