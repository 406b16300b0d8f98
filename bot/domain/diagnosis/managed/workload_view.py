"""A namespace as the rules on workloads see it: what is wrong with it now, and which words its events and logs say.

What the control plane shows now goes before what it recorded some time ago: an old warning about a pod that is ready
is history.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from bot.domain.alert import Alert, AlertStatus
from bot.domain.diagnosis.cluster.podspec import Container, ContainerState, PodSpec
from bot.domain.diagnosis.cluster.state import ClusterState, Event, Node, Pod, Workload
from bot.domain.diagnosis.managed.verdict import Fact
from bot.domain.evidence import EvidenceKind, EvidenceRole
from bot.domain.telemetry import LogLine

RECENT_S = 900.0  # An event's last occurrence this long before the reading still says something about now.
OFTEN = 3  # So many restarts or repeats are a loop and no accident.
_STARTING = ("", "ContainerCreating", "PodInitializing")
_ERROR = re.compile(
    r"\b(?:error|fatal|panic|exception|traceback|critical|failed|failure|refused|unable|cannot|denied|timed? ?out)\b|out of memory|enotfound|\b5\d\d\b",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    r"\btransient|retried|retry succeeded|recovered|reconnected|succeeded|gracefully|cleanly|back to normal|resolved\b|\bno errors?\b|\b0 (?:errors|failures|failed)\b",
    re.IGNORECASE,
)
_REASONS = (
    (r"pulling image|pull image", "ImagePullBackOff"),
    (r"oomkilled", "OOMKilled"),
    (r"restarting failed container", "CrashLoopBackOff"),
)
_HARM = re.compile(r"error|5xx|latency|(?<!un)availab|p9\d|failure|success|apdex|timeout", re.IGNORECASE)


# What an alert can be about and the state of the cluster shows.
_SHOWN = re.compile(
    r"kube|k8s|\bpods?\b|pod(?=[A-Z_])|restart|crash|replica|deployment|rollout|\bnodes?\b|node(?=[A-Z_])|container|oom|image"
    r"|schedul|pending|evict|daemonset|statefulset|health.?check|readiness|liveness|not.?ready",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Namespace:
    """The cluster's state with the lines and alerts about its workloads; `logs_read` whether any were asked for."""

    state: ClusterState
    logs: tuple[LogLine, ...]
    alerts: tuple[Alert, ...]
    now: float

    @cached_property
    def broken(self) -> tuple[Pod, ...]:
        """Pods that should run and do not, or that keep being restarted; also those that only events tell of."""
        seen = (pod for pod in self.state.pods if _broken(pod, self.state.events_of("pod", pod.name)))
        return (*seen, *self._untold)

    @cached_property
    def _untold(self) -> tuple[Pod, ...]:
        """Pods that were not read and that keep having trouble, while a workload lacks some or an alert names them."""
        known = {pod.name for pod in self.state.pods}
        told: dict[str, Event] = {}
        for event in self.state.events:
            fresh = event.warning and event.age_s <= RECENT_S and event.count >= OFTEN
            if event.kind == "pod" and fresh and event.name not in known:
                told.setdefault(event.name, event)
        wanted = bool(self.short or not known)
        return tuple(
            _pod_of(event, self._owner(name))
            for name, event in sorted(told.items())
            if wanted or self._named(name)
        )

    def _owner(self, pod: str) -> str:
        owners = [one.name for one in self.state.workloads if pod.startswith(f"{one.name}-")]
        return max(owners, key=len, default="")

    def _named(self, name: str) -> bool:
        return any(
            alert.status is AlertStatus.FIRING and (name in alert.summary or name in alert.labels.values())
            for alert in self.alerts
        )

    @cached_property
    def short(self) -> tuple[Workload, ...]:
        """Workloads with fewer ready pods than asked for."""
        return tuple(one for one in self.state.workloads if one.ready < one.desired)

    @cached_property
    def ill_nodes(self) -> tuple[Node, ...]:
        """Nodes that are not ready or under pressure."""
        return tuple(node for node in self.state.nodes if node_trouble(node))

    def warnings(self, pattern: str, *, pod: str = "", within_s: float = RECENT_S) -> tuple[Event, ...]:
        """Warnings of late whose reason or message matches, about one pod if named."""
        expression = re.compile(pattern, re.IGNORECASE)
        return tuple(
            event
            for event in self.state.events
            if event.age_s <= within_s
            and (not pod or (event.kind, event.name) == ("pod", pod))
            and expression.search(f"{event.reason} {event.message}")
        )

    @cached_property
    def errors(self) -> tuple[LogLine, ...]:
        """Lines of late that speak of failure, without those that say that it is over."""
        return tuple(
            line
            for line in self.logs
            if (not line.at or line.at >= self.now - RECENT_S)
            and _ERROR.search(line.text)
            and not _HARMLESS.search(line.text)
        )

    def lines(self, pattern: str) -> tuple[LogLine, ...]:
        """Failure lines that match."""
        expression = re.compile(pattern, re.IGNORECASE)
        return tuple(line for line in self.errors if expression.search(line.text))

    @cached_property
    def felt(self) -> bool | None:
        """Whether an alert about what users get is firing; None where no such alert exists, firing or not.

        A monitor whose state was read with the rest knows better than the alert that came before.
        """
        harm = [
            alert for alert in self.alerts if _HARM.search(f"{alert.name} {alert.labels.get('query', '')}")
        ]
        harm = [alert for alert in harm if "query" in alert.labels] or harm
        return any(alert.status is AlertStatus.FIRING for alert in harm) if harm else None

    @cached_property
    def answered(self) -> bool:
        """Whether the state, or monitors that were read with it, can tell that each firing alert is mistaken."""
        monitors = [alert for alert in self.alerts if "query" in alert.labels]
        firing = [alert for alert in monitors or self.alerts if alert.status is AlertStatus.FIRING]
        return all(_SHOWN.search(f"{alert.name} {alert.summary}") for alert in firing)

    @property
    def well(self) -> bool:
        """Whether everything that was read of the cluster is as it was asked to be."""
        return not self.broken and not self.short and not self.ill_nodes

    @property
    def judged(self) -> bool:
        """Whether enough was read to say so."""
        return bool(self.state.pods or self.state.workloads)


def node_trouble(node: Node) -> tuple[str, ...]:
    """Names of the conditions that are not as they should be."""
    return tuple(
        name
        for name, condition in sorted(node.conditions.items())
        if (condition.status != "True" if name == "Ready" else condition.status == "True")
    )


def worst(pod: Pod) -> tuple[str, ContainerState]:
    """The container in the worst state: waiting with a reason first, then by restarts."""
    states = [(one.name, one.state) for one in pod.spec.containers]
    if not states:
        return "", ContainerState()
    return max(
        states,
        key=lambda item: (item[1].state == "waiting" and item[1].reason not in _STARTING, item[1].restarts),
    )


def pod_fact(pod: Pod, role: EvidenceRole = EvidenceRole.CAUSE) -> Fact:
    """A fact about a pod: phase, state, exit code, restarts."""
    _name, state = worst(pod)
    parts = [f"phase {pod.phase}" if pod.phase else "", state.reason or state.last_reason]
    code = state.exit_code if state.exit_code is not None else state.last_exit
    parts += [f"exit code {code}"] if code is not None else []
    parts += [f"{state.restarts} restarts"] if state.restarts else []
    parts += ["not ready"] if not pod.ready else []
    text = f"pod {pod.name}: {', '.join(part for part in parts if part)}"
    quote = state.message or state.last_message or pod.message
    return Fact(f"pod {pod.name}", EvidenceKind.CHANGE, role, text, 0.0, "pods", quote)


def event_fact(event: Event, now: float, role: EvidenceRole = EvidenceRole.CAUSE) -> Fact:
    """A fact about an event."""
    times = f" {event.count} times" if event.count > 1 else ""
    text = f"{event.kind} {event.name}: {event.reason}{times}"
    key = f"event {event.kind} {event.name} {event.reason} {event.message}"
    return Fact(key, EvidenceKind.CHANGE, role, text, now - event.age_s, "cluster events", event.message)


def line_fact(line: LogLine, role: EvidenceRole = EvidenceRole.MECHANISM) -> Fact:
    """A fact about a log line."""
    key = f"line {line.service} {line.text}"
    text = f"{line.service} writes"
    return Fact(key, EvidenceKind.LOG, role, text, line.at, "logs", line.text, line.trust)


def workload_fact(workload: Workload) -> Fact:
    """A fact about how many of a workload's pods are ready."""
    missing = workload.desired - workload.ready
    text = (
        f"{workload.kind.lower()} {workload.name}: {workload.ready} of {workload.desired} replicas ready, "
        f"{missing} missing"
    )
    return Fact(
        f"workload {workload.name}", EvidenceKind.CHANGE, EvidenceRole.SYMPTOM, text, 0.0, "workloads"
    )


def replica_set(pod: Pod) -> str:
    """The ReplicaSet that a Deployment's pod belongs to: its name without its own suffix."""
    return pod.name.rpartition("-")[0] or pod.name


def _broken(pod: Pod, events: Sequence[Event]) -> bool:
    if pod.deleted or pod.phase == "Succeeded":
        return False
    _, state = worst(pod)
    fresh = [event for event in events if event.warning and event.age_s <= RECENT_S and event.count >= OFTEN]
    looping = state.restarts >= OFTEN and bool(fresh)
    if pod.ready:
        return looping
    starting = state.state != "terminated" and state.reason in _STARTING and not state.restarts
    return not starting or bool(fresh) or pod.phase in ("Failed", "Unknown")


def _pod_of(event: Event, owner: str) -> Pod:
    """The pod as its event tells of it."""
    reason = next(
        (reason for pattern, reason in _REASONS if re.search(pattern, event.message, re.IGNORECASE)), ""
    )
    code = re.search(r"exit[ _]?code[ =:]*(\d+)", event.message, re.IGNORECASE)
    phase = "Pending" if event.reason == "FailedScheduling" else "Running"
    state = ContainerState(
        "waiting", reason or event.reason, event.message, int(code[1]) if code else None, event.count
    )
    return Pod(
        event.name,
        owner,
        {},
        PodSpec(containers=(Container("", state=state),)),
        phase=phase,
        conditions={"Ready": "False"},
    )
