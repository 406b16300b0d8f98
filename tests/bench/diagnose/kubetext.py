"""What `kubectl describe` and `kubectl get` print, back into the shape of the API's own objects.

Recordings hold text, the product reads JSON; so both go through its one reader. Manifests add what describe hides.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Obj = dict[str, Any]
_KEYED = re.compile(r"^( *)([^:\s][^:]*?):(?:\s+(.*?))?\s*$")
_EVENT = re.compile(r"^\s+(Normal|Warning)\s+(\S+)\s+(\S+)(?: \(x(\d+) over \S+\))?\s+(\S+)(?:\s+(.*))?$")
_LISTED = re.compile(r"^(\S+)\s+(Normal|Warning)\s+(\S+)\s+([a-z]+)/(\S+)\s+(.*)$")
_AGE = re.compile(r"(\d+)([dhms])")
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_PROBE = re.compile(
    r"^(?P<what>.*?)\s+delay=(?P<delay>\d+)s timeout=(?P<timeout>\d+)s period=(?P<period>\d+)s .*#failure=(?P<fail>\d+)"
)
_MODES = {"RWO": "ReadWriteOnce", "ROX": "ReadOnlyMany", "RWX": "ReadWriteMany", "RWOP": "ReadWriteOncePod"}
_PORT = re.compile(r"^(?:(\S+)\s+)?(\S+?)(?:/(\w+))?$")


@dataclass(slots=True)
class Block:
    """A key, its text (several lines joined) and what is indented below it."""

    key: str
    text: str = ""
    lines: list[str] = field(default_factory=list)
    below: list["Block"] = field(default_factory=list)

    def get(self, key: str) -> "Block":
        """The block of that key, an empty one where there is none."""
        return next((one for one in self.below if one.key == key), Block(key))

    def value(self, key: str) -> str:
        """A key's text, empty for `<none>` and the like."""
        text = self.get(key).text
        return "" if text.startswith(("<none>", "<unset>", "<nil>")) else text

    def pairs(self, key: str) -> dict[str, str]:
        """Lines of the form key=value."""
        found = self.get(key)
        texts = [text for text in (found.text, *found.lines) if "=" in text]
        return dict(text.strip().split("=", 1) for text in texts)


def blocks(text: str) -> Block:
    """The tree that indentation makes; what comes after `Events:` is left out."""
    root = Block("")
    open_at: list[tuple[int, Block]] = [(-1, root)]
    for line in text.split("\nEvents:", maxsplit=1)[0].splitlines():
        match = _KEYED.match(line)
        if match is None:
            if line.strip():
                open_at[-1][1].lines.append(line.strip())
            continue
        depth = len(match[1])
        while open_at[-1][0] >= depth:
            open_at.pop()
        block = Block(match[2], match[3] or "")
        open_at[-1][1].below.append(block)
        open_at.append((depth, block))
    return root


def described_events(text: str, kind: str, name: str) -> Iterator[Obj]:
    """The events at the end of a description; ages become seconds before time zero."""
    for line in text.partition("\nEvents:")[2].splitlines():
        match = _EVENT.match(line)
        if match:
            yield _event(match[1], match[2], match[3], kind, name, match[6] or "", int(match[4] or 1))


def listed_events(text: str) -> Iterator[Obj]:
    """The rows of `kubectl get events`."""
    for line in text.splitlines():
        match = _LISTED.match(line)
        if match:
            yield _event(match[2], match[3], match[1], match[4], match[5], match[6], 1)


def _event(type_: str, reason: str, age: str, kind: str, name: str, message: str, count: int) -> Obj:
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in _AGE.findall(age))
    return {
        "kind": "Event", "type": type_, "reason": reason, "message": message.strip(), "count": count,
        "involvedObject": {"kind": kind, "name": name}, "age": seconds,
    }  # fmt: skip


def _meta(root: Block) -> Obj:
    return {"name": root.value("Name"), "labels": root.pairs("Labels")}


def _owner(root: Block) -> list[Obj]:
    kind, _, name = root.value("Controlled By").partition("/")
    return [{"kind": kind, "name": name}] if name else []


def pod(text: str) -> Obj:
    """A pod; its init containers too."""
    root = blocks(text)
    conditions = [
        {"type": parts[0], "status": parts[1]}
        for line in root.get("Conditions").lines
        if len(parts := line.split()) >= 2 and parts[0] not in ("Type", "----")
    ]
    phase = root.value("Status").split(" ")[0]
    meta = _meta(root) | {"ownerReferences": _owner(root)}
    if phase == "Terminating":
        meta["deletionTimestamp"] = "recorded"
    return {
        "kind": "Pod",
        "metadata": meta,
        "spec": _spec(root) | {"nodeName": root.value("Node").split("/")[0]},
        "status": {
            "phase": phase,
            "reason": root.value("Reason"),
            "message": root.value("Message"),
            "podIP": root.value("IP"),
            "conditions": conditions,
            "initContainerStatuses": [_status(one) for one in root.get("Init Containers").below],
            "containerStatuses": [_status(one) for one in root.get("Containers").below],
        },
    }


def deployment(text: str) -> Obj:
    """A Deployment or StatefulSet with its template and replica counts."""
    root = blocks(text)
    template = root.get("Pod Template")
    counts = {
        word: int(number)
        for number, word in re.findall(r"(\d+) (desired|updated|total|available)", root.value("Replicas"))
    }
    running = re.search(r"(\d+) Running", root.value("Pods Status"))
    if running:
        counts["available"] = int(running[1])
    return {
        "kind": "StatefulSet" if running else "Deployment",
        "metadata": _meta(root),
        "spec": {
            "replicas": counts.get("desired", 0),
            "selector": {"matchLabels": root.pairs("Selector")},
            "template": {"metadata": {"labels": template.pairs("Labels")}, "spec": _spec(template)},
        },
        "status": {"replicas": counts.get("total", 0), "readyReplicas": counts.get("available", 0)},
    }


def replica_set(text: str) -> Obj:
    """A ReplicaSet: owner and counts."""
    root = blocks(text)
    now = re.search(r"(\d+) current / (\d+) desired", root.value("Replicas"))
    return {
        "kind": "ReplicaSet",
        "metadata": _meta(root) | {"ownerReferences": _owner(root)},
        "spec": {"replicas": int(now[2]) if now else 0},
        "status": {"replicas": int(now[1]) if now else 0},
    }


def service(text: str) -> list[Obj]:
    """A Service and its Endpoints."""
    root = blocks(text)
    ports: list[Obj] = []
    ready: list[str] = []
    for one in root.below:
        match = _PORT.match(one.text)
        if one.key == "Port" and match and match[2].isdigit():
            named = match[1] if match[1] and match[1] != "<unset>" else ""
            ports.append({"name": named, "port": int(match[2]), "protocol": match[3] or "TCP"})
        elif one.key == "TargetPort" and match and ports:
            ports[-1]["targetPort"] = match[2]
        elif one.key == "Endpoints":
            ready += [a.rpartition(":")[0] for a in re.findall(r"[0-9a-f.:]+:\d+", one.text)]
    meta = _meta(root)
    spec = {
        "type": root.value("Type"),
        "clusterIP": root.value("IP"),
        "externalName": root.value("External Name"),
        "selector": dict(part.split("=", 1) for part in root.value("Selector").split(",") if "=" in part),
        "ports": ports,
    }
    subsets = [{"addresses": [{"ip": one} for one in ready]}]
    return [
        {"kind": "Service", "metadata": meta, "spec": spec},
        {"kind": "Endpoints", "metadata": meta, "subsets": subsets},
    ]


def claim(text: str) -> Obj:
    """A PersistentVolumeClaim; describe hides what was asked for."""
    root = blocks(text)
    spec: Obj = {"volumeName": root.value("Volume"), "storageClassName": root.value("StorageClass")}
    return {
        "kind": "PersistentVolumeClaim",
        "metadata": _meta(root),
        "spec": spec | _sized(root, "resources"),
        "status": {"phase": root.value("Status")},
    }


def volume(text: str) -> Obj:
    """A PersistentVolume."""
    root = blocks(text)
    namespace, _, name = root.value("Claim").partition("/")
    spec: Obj = {"storageClassName": root.value("StorageClass")}
    if name:
        spec["claimRef"] = {"namespace": namespace, "name": name}
    return {
        "kind": "PersistentVolume",
        "metadata": _meta(root),
        "spec": spec | _sized(root, "capacity"),
        "status": {"phase": root.value("Status")},
    }


def _sized(root: Block, key: str) -> Obj:
    size = root.value("Capacity")
    modes = [_MODES[one] for one in re.split(r"[,\s]+", root.value("Access Modes")) if one in _MODES]
    found: Obj = {"accessModes": modes} if modes else {}
    if size:
        found[key] = {"requests": {"storage": size}} if key == "resources" else {"storage": size}
    return found


def storage_class(text: str) -> Obj:
    """A StorageClass."""
    root = blocks(text)
    default = "true" if root.value("IsDefaultClass") == "Yes" else "false"
    meta = _meta(root) | {"annotations": {"storageclass.kubernetes.io/is-default-class": default}}
    return {"kind": "StorageClass", "metadata": meta, "provisioner": root.value("Provisioner")}


def node(text: str) -> Obj:
    """A node; `free` is what the requests of its pods leave."""
    root = blocks(text)
    taints = [t for t in (root.get("Taints").text, *root.get("Taints").lines) if ":" in t]
    allocatable = {one.key: one.text for one in root.get("Allocatable").below}
    return {
        "kind": "Node",
        "metadata": _meta(root),
        "spec": {
            "unschedulable": root.value("Unschedulable") == "true",
            "taints": [_taint(t) for t in taints],
        },
        "status": {
            "conditions": [_node_condition(one) for one in root.get("Conditions").lines[2:]],
            "allocatable": allocatable,
            "requested": dict(_requested(root.get("Allocated resources").lines)),
        },
    }


def _taint(text: str) -> Obj:
    head, _, effect = text.strip().rpartition(":")
    key, _, value = head.partition("=")
    return {"key": key, "value": value, "effect": effect}


def _node_condition(line: str) -> Obj:
    parts = re.split(r"\s{2,}", line.strip())
    return {
        "type": parts[0], "status": parts[1] if len(parts) > 1 else "",
        "reason": parts[4] if len(parts) > 4 else "", "message": parts[5] if len(parts) > 5 else "",
    }  # fmt: skip


def _requested(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        parts = line.split()
        if len(parts) > 1 and parts[0] in ("cpu", "memory"):
            yield parts[0], parts[1]


def quota(text: str) -> Obj:
    """A ResourceQuota."""
    rows = [line.split() for line in text.splitlines()]
    full = [row for row in rows if len(row) == 3 and row[1][:1].isdigit()]
    return {
        "kind": "ResourceQuota",
        "metadata": _meta(blocks(text)),
        "status": {"used": {r[0]: r[1] for r in full}, "hard": {r[0]: r[2] for r in full}},
    }


def _spec(root: Block) -> Obj:
    selector = root.pairs("Node-Selectors")
    volumes = [_volume(one) for one in root.get("Volumes").below]
    spec: Obj = {
        "nodeSelector": selector,
        "serviceAccountName": root.value("Service Account"),
        "initContainers": [_container(one) for one in root.get("Init Containers").below],
        "containers": [_container(one) for one in root.get("Containers").below],
        "volumes": [one for one in volumes if one],
    }
    return spec


def _volume(block: Block) -> Obj:
    optional = block.value("Optional") == "true"
    if block.value("ClaimName"):
        return {"persistentVolumeClaim": {"claimName": block.value("ClaimName")}}
    if block.value("SecretName"):
        return {"secret": {"secretName": block.value("SecretName"), "optional": optional}}
    if block.value("Type").startswith("ConfigMap"):
        return {"configMap": {"name": block.value("Name"), "optional": optional}}
    return {}


def _container(block: Block) -> Obj:
    numbers = [*block.value("Port").split(","), *block.value("Ports").split(",")]
    found: Obj = {
        "name": block.key,
        "image": block.value("Image"),
        "command": block.get("Command").lines,
        "args": block.get("Args").lines,
        "ports": [_port(one.strip()) for one in numbers if one.strip()[:1].isdigit()],
        "resources": {
            "limits": {one.key: one.text for one in block.get("Limits").below},
            "requests": {one.key: one.text for one in block.get("Requests").below},
        },
        "env": [_variable(one) for one in block.get("Environment").below],
        "envFrom": [_source(one) for one in block.get("Environment Variables from").below],
        "volumeMounts": [
            {"mountPath": line.split(" ")[0]} for line in block.get("Mounts").lines if line.startswith("/")
        ],
    }
    for key, name in (
        ("Liveness", "livenessProbe"),
        ("Readiness", "readinessProbe"),
        ("Startup", "startupProbe"),
    ):
        if block.value(key):
            found[name] = _probe(block.value(key))
    return found


def _port(text: str) -> Obj:
    number, _, protocol = text.partition("/")
    return {"containerPort": int(number), "protocol": protocol or "TCP"}


def _variable(block: Block) -> Obj:
    match = re.match(
        r"<set to the key '(.*?)' (?:in|of config map|of) ?(secret|config map)? ?'(.*?)'>", block.text
    )
    if match:
        key = "secretKeyRef" if "secret" in block.text else "configMapKeyRef"
        optional = "Optional: true" in block.text
        return {"name": block.key, "valueFrom": {key: {"name": match[3], "optional": optional}}}
    return {"name": block.key, "value": block.text}


def _source(block: Block) -> Obj:
    key = "secretRef" if "Secret" in block.text else "configMapRef"
    return {key: {"name": block.key, "optional": "Optional: true" in block.text}}


def _probe(text: str) -> Obj:
    match = _PROBE.match(text)
    what = match["what"] if match else text
    found: Obj = {}
    if what.startswith("http-get"):
        url = re.match(r"http-get (https?)://[^:/]*:([\w-]*)(\S*)", what)
        if url:
            found["httpGet"] = {"scheme": url[1].upper(), "port": url[2], "path": url[3]}
    elif what.startswith("tcp-socket"):
        found["tcpSocket"] = {"port": what.rpartition(":")[2]}
    elif what.startswith("grpc"):
        found["grpc"] = {"port": re.sub(r"\D.*$", "", what.rpartition(":")[2])}
    else:
        found["exec"] = {"command": [what]}
    if match:
        found |= {
            "initialDelaySeconds": int(match["delay"]), "timeoutSeconds": int(match["timeout"]),
            "periodSeconds": int(match["period"]), "failureThreshold": int(match["fail"]),
        }  # fmt: skip
    return found


def _status(block: Block) -> Obj:
    return {
        "name": block.key,
        "ready": block.value("Ready") == "True",
        "restartCount": int(block.value("Restart Count") or 0),
        "state": _run(block.get("State")),
        "lastState": _run(block.get("Last State")),
    }


def _run(block: Block) -> Mapping[str, Obj]:
    if not block.text:
        return {}
    shown: Obj = {"reason": block.value("Reason"), "message": block.value("Message")}
    if block.value("Exit Code").isdigit():
        shown["exitCode"] = int(block.value("Exit Code"))
    return {block.text.lower(): shown}
