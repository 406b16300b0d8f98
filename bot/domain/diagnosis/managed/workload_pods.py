"""Why do pods not run? Image, configuration, memory, probes, placement, volumes, quota: what the cluster itself says."""

import re

from bot.domain.alert import Alert
from bot.domain.diagnosis.cluster.state import Event, Pod
from bot.domain.diagnosis.managed.verdict import Fact, Verdict
from bot.domain.diagnosis.managed.workload_view import (
    Namespace,
    event_fact,
    line_fact,
    node_trouble,
    pod_fact,
    replica_set,
    workload_fact,
    worst,
)
from bot.domain.diagnosis.managed.workload_words import CONFIG, DENIED, DEPENDENCY, DNS, KINDS, MEMORY
from bot.domain.evidence import CauseClass, EvidenceKind, EvidenceRole

_IMAGE = r"ImagePullBackOff|ErrImage|InvalidImageName|Failed to pull image|Back-off pulling image"
_CONFIG_WAIT = r"CreateContainerConfigError|CreateContainerError|RunContainerError|couldn't find key|(?:configmap|secret) .{0,80}not found"
_QUOTA = r"exceeded quota|quota.{0,40}(?:exceeded|exhausted)|QuotaExceeded"
_KILL = 137
_SYMPTOMS = ("k8s.rollout", "k8s.crash", "k8s.unready", "k8s.lines")


def image(space: Namespace) -> Verdict | None:
    """The image cannot be had."""
    pods = [pod for pod in space.broken if re.search(_IMAGE, f"{worst(pod)[1].reason}", re.IGNORECASE)]
    events = space.warnings(_IMAGE)
    if not pods and not (events and (space.short or not space.state.pods)):
        return None
    said = " ".join([*(worst(pod)[1].message for pod in pods), *(event.message for event in events)])
    cause, how = CauseClass.CONFIGURATION, "the image it names cannot be pulled"
    if re.search(r"manifest unknown|not found|no such manifest", said, re.IGNORECASE):
        how = "the image tag does not exist in the registry (ImagePullBackOff, manifest unknown)"
    elif re.search(DENIED, said, re.IGNORECASE):
        how = "the registry does not let it in: pull secret or permission"
    elif re.search(f"{DNS}|{DEPENDENCY}", said, re.IGNORECASE):
        cause, how = CauseClass.DEPENDENCY, "the registry does not answer"
    return _verdict(
        space, "k8s.image/1", pods, events, cause, how, 0.92,
        ("a new pod names an image that cannot be pulled", "its container never starts", "the rollout stands still; the old ReplicaSet serves"),
        ("the image reference of the newest revision", "roll back to the revision before"),
    )  # fmt: skip


def configuration(space: Namespace) -> Verdict | None:
    """A container cannot be made: something that it refers to is missing."""
    pods = [
        pod
        for pod in space.broken
        if re.search(_CONFIG_WAIT, f"{worst(pod)[1].reason} {worst(pod)[1].message}", re.IGNORECASE)
    ]
    events = [event for event in space.warnings(_CONFIG_WAIT) if _about_broken(event, space)]
    if not pods and not events:
        return None
    return _verdict(
        space, "k8s.configuration/1", pods, events, CauseClass.CONFIGURATION,
        "something that its containers refer to does not exist or is wrong", 0.9,
        ("the pod refers to what does not exist", "its container cannot be made", "the pod never becomes ready"),
        ("the references of the pod: ConfigMaps, Secrets, keys", "roll back to the revision before"),
    )  # fmt: skip


def memory(space: Namespace) -> Verdict | None:
    """The kernel kills its containers."""
    pods = [pod for pod in space.broken if _killed(pod, space)]
    if not pods:
        return None
    lines = space.lines(MEMORY)
    found = _verdict(
        space, "k8s.memory/1", pods, space.warnings("oom|137"), CauseClass.MEMORY,
        "its containers exceed their memory limit and are killed (OOMKilled, exit code 137)", 0.92,
        ("memory grows past the container's limit", "the kernel kills the container", "it is restarted and the cycle repeats"),
        ("memory limit and use over time", "what the process was doing when it grew"),
    )  # fmt: skip
    return _with(found, [line_fact(line) for line in lines[-2:]])


def probe(space: Namespace) -> Verdict | None:
    """The kubelet restarts what fails its liveness or startup probe although the process lives."""
    events = [
        event
        for event in space.warnings(r"(?:liveness|startup) probe failed|failed (?:liveness|startup) probe")
        if _about_broken(event, space)
    ]
    pods = [pod for pod in space.broken if any(event.name == pod.name for event in events)]
    if not events or any(_killed(pod, space) for pod in pods):
        return None
    return _verdict(
        space, "k8s.probe/1", pods, events, CauseClass.CONFIGURATION,
        "its Liveness probe fails and the kubelet restarts it, although the process does not crash", 0.88,
        ("the probe does not get the answer that it expects", "the kubelet stops the container", "it is restarted and the cycle repeats"),
        ("path, port, timeout and delay of the probe", "what the probed endpoint answers"),
    )  # fmt: skip


def quota(space: Namespace) -> Verdict | None:
    """Pods are refused before they exist; where events were not read, the controllers' own lines say so."""
    events, lines = space.warnings(_QUOTA), space.lines(_QUOTA)
    if not (events or lines) or not _wanting(space):
        return None
    found = _verdict(
        space, "k8s.quota/1", [], events, CauseClass.CAPACITY,
        "the namespace's quota is used up, so that admission refuses new pods; existing pods are Ready", 0.92,
        ("more pods are asked for", "the namespace's ResourceQuota has no room for them", "they are never created"),
        ("the namespace's quota and what uses it", "requests and limits of the workload"),
    )  # fmt: skip
    return found if events else _with(found, [line_fact(line, EvidenceRole.CAUSE) for line in lines[:2]])


def refused(space: Namespace) -> Verdict | None:
    """Pods are refused for another reason."""
    events = [
        one
        for one in space.warnings(r"FailedCreate|admission webhook|violates PodSecurity|is forbidden")
        if "quota" not in one.message.lower()
    ]
    if not events or not _wanting(space):
        return None
    return _verdict(
        space, "k8s.admission/1", [], events, CauseClass.CONFIGURATION, "admission refuses its pods", 0.85,
        ("the pod breaks a rule of the cluster", "admission refuses it", "the workload lacks pods"),
        ("the rule that refuses, and the pod's template",),
    )  # fmt: skip


def placement(space: Namespace) -> Verdict | None:
    """No node takes its pods."""
    events = space.warnings(r"FailedScheduling|unschedulable|nodes are available")
    pods = [pod for pod in space.broken if pod.phase == "Pending" and not pod.node]
    if not events or not (pods or _wanting(space)):
        return None
    said = " ".join(event.message for event in events)
    cause, how = CauseClass.CONFIGURATION, "no node fits its selector, affinity or tolerations"
    if re.search(r"not-ready|unreachable|disk-pressure|memory-pressure", said, re.IGNORECASE):
        cause, how = CauseClass.INFRASTRUCTURE, "nodes that it could run on are not ready"
    elif re.search(r"insufficient|too many pods", said, re.IGNORECASE):
        cause, how = CauseClass.CAPACITY, "no node has enough free CPU or memory for it: the cluster is full"
    elif re.search(r"volume|persistentvolumeclaim", said, re.IGNORECASE):
        how = "its volume cannot be bound or lies elsewhere"
    return _verdict(
        space, "k8s.placement/1", pods, events, cause, how, 0.9,
        ("the scheduler finds no node", "pods stay Pending", "the workload lacks pods"),
        ("requests of the pod against free capacity", "node pool size, taints, selectors"),
    )  # fmt: skip


def volume(space: Namespace) -> Verdict | None:
    """Its volume cannot be attached or mounted."""
    events = [
        event
        for event in space.warnings(r"FailedMount|FailedAttachVolume|AttachVolume|Multi-Attach")
        if _about_broken(event, space)
    ]
    events = [event for event in events if not re.search(_CONFIG_WAIT, event.message, re.IGNORECASE)]
    pods = [pod for pod in space.broken if any(event.name == pod.name for event in events)]
    if not pods:
        return None
    return _verdict(
        space, "k8s.volume/1", pods, events, CauseClass.INFRASTRUCTURE, "its volume cannot be attached or mounted", 0.85,
        ("the volume is not there for the node", "the container waits for it", "the pod never becomes ready"),
        ("where the volume is attached", "the storage driver's pods"),
    )  # fmt: skip


def node(space: Namespace) -> Verdict | None:
    """A node is not ready or under pressure, and what ran on it suffers."""
    ill = [one for one in space.ill_nodes if one.usable is False or node_trouble(one)]
    if not ill:
        return None
    names = {one.name for one in ill}
    pods = [pod for pod in space.broken if pod.node in names or pod.reason == "Evicted"]
    hurt = bool(pods or space.short) or any(_speaks_of(alert, names) for alert in space.alerts)
    away = [one for one in ill if "Ready" in node_trouble(one)]
    if not hurt:
        return None
    facts = [
        Fact(
            f"node {one.name}", EvidenceKind.CHANGE, EvidenceRole.CAUSE, f"node {one.name}: {', '.join(node_trouble(one))} is not as it should be",
            0.0, "nodes", "; ".join(c.message for c in one.conditions.values() if c.message)[:200],
        )
        for one in ill
    ]  # fmt: skip
    events = space.warnings(r"NodeNotReady|Evict|pressure|node.{0,20}not ready")
    pressed = not away
    found = _verdict(
        space, "k8s.node/1", pods, events, CauseClass.CAPACITY if pressed else CauseClass.INFRASTRUCTURE,
        f"node {', '.join(sorted(names))} {'is under pressure' if pressed else 'is not ready'}", 0.92,
        ("the node fails" if not pressed else "the node runs out of a resource", "its pods are lost or evicted", "the workload lacks pods"),
        ("the node's kubelet and the instance behind it", "drain and replace the node"),
    )  # fmt: skip
    return _with(found, facts)


def crash(space: Namespace) -> Verdict | None:
    """Its containers end by themselves; their own words say why, else that it began with a new revision does."""
    pods = [pod for pod in space.broken if _crashes(pod)]
    if not pods:
        return None
    names = {pod.name for pod in pods} | {pod.workload for pod in pods}
    # A line that names none of the pods may still be theirs where it is the only log that was read.
    lines = [
        line for line in space.errors if line.service in names or any(name in line.text for name in names)
    ] or list(space.errors)
    for kind, pattern, cause, what, look in KINDS:
        if kind == "dependency" and any(re.search(CONFIG, line.text, re.IGNORECASE) for line in lines):
            continue
        said = [line for line in lines if re.search(pattern, line.text, re.IGNORECASE)]
        if said:
            found = _verdict(
                space, f"k8s.crash_{kind}/1", pods, space.warnings("BackOff|ProgressDeadline"), cause,
                f"its containers crash on start-up: {what}{_scope(pods, space)}", 0.88, (what, "the container exits", "CrashLoopBackOff"), look,
            )  # fmt: skip
            return _with(found, [line_fact(line, EvidenceRole.CAUSE) for line in said[:3]])
    return _verdict(
        space, "k8s.crash/1", pods, space.warnings("BackOff|ProgressDeadline"), CauseClass.DEPLOY,
        f"its containers crash and say nothing about why{_scope(pods, space)}", 0.75,
        ("the container exits by itself", "it is restarted again and again", "CrashLoopBackOff"),
        ("the log of the run before", "roll back to the revision before"),
    )  # fmt: skip


def unready(space: Namespace) -> Verdict | None:
    """It runs and does not become ready."""
    events = space.warnings(r"readiness probe failed")
    pods = [pod for pod in space.broken if pod.phase == "Running" and not _crashes(pod)]
    if not pods:
        return None
    lines = [*space.lines(f"{DNS}|{DEPENDENCY}")]
    cause = CauseClass.DEPENDENCY if lines else CauseClass.CONFIGURATION
    how = "what it needs does not answer" if lines else "its readiness probe does not pass"
    found = _verdict(
        space, "k8s.unready/1", pods, events, cause, f"its pods run and are not ready: {how}", 0.75,
        (how, "the pods get no traffic", "callers fail"), ("what the readiness endpoint answers and checks",),
    )  # fmt: skip
    return _with(found, [line_fact(line) for line in lines[:2]])


def rollout(space: Namespace) -> Verdict | None:
    """A rollout stands still and nothing above says why."""
    events = space.warnings(r"ProgressDeadlineExceeded|rollout .{0,30}(?:stuck|stalled|blocked)")
    if not events or not space.short:
        return None
    return _verdict(
        space, "k8s.rollout/1", list(space.broken), events, CauseClass.DEPLOY,
        "its rollout stands still: the new ReplicaSet does not become available", 0.75,
        ("a new revision does not become ready", "the rollout stops", "the old ReplicaSet serves alone"),
        ("roll back to the revision before",),
    )  # fmt: skip


def _speaks_of(alert: Alert, nodes: set[str]) -> bool:
    """Whether an alert is about nodes: by name, or in its own name."""
    words = (alert.summary, *alert.labels.values())
    return "node" in alert.name.lower() or any(name in text for name in nodes for text in words)


def _scope(pods: list[Pod], space: Namespace) -> str:
    """Whether only the new revision is hit, and whether the rollout of the deployment stands still."""
    hit = {replica_set(pod) for pod in pods}
    well = {replica_set(pod) for pod in space.state.pods if pod.ready} - hit
    if not well or not space.short:
        return ""
    return "; the rollout of the deployment stands still, the new ReplicaSet is hit and the old ReplicaSet serves"


def _killed(pod: Pod, space: Namespace) -> bool:
    _, state = worst(pod)
    words = f"{state.reason} {state.last_reason} {state.message} {state.last_message}"
    events = " ".join(event.message for event in space.warnings("oom", pod=pod.name))
    if re.search("oomkilled|out of memory", f"{words} {events}", re.IGNORECASE):
        return True
    code = state.exit_code if state.exit_code is not None else state.last_exit
    return code == _KILL and bool(space.lines(MEMORY))


def _crashes(pod: Pod) -> bool:
    _, state = worst(pod)
    ended = state.exit_code if state.exit_code is not None else state.last_exit
    return state.reason in ("CrashLoopBackOff", "Error", "StartError", "ContainerCannotRun") or bool(ended)


def _wanting(space: Namespace) -> bool:
    return bool(space.short or space.broken) or not space.state.workloads


def _about_broken(event: Event, space: Namespace) -> bool:
    return any(pod.name == event.name for pod in space.broken) or not space.state.pods


def _with(verdict: Verdict, facts: list[Fact]) -> Verdict:
    return Verdict(
        verdict.rule, verdict.service, verdict.instance, verdict.cause, verdict.claim, verdict.sure,
        (*verdict.facts, *facts), verdict.chain, verdict.explains, verdict.look,
    )  # fmt: skip


def _verdict(
    space: Namespace,
    rule: str,
    pods: list[Pod],
    events: "list[Event] | tuple[Event, ...]",
    cause: CauseClass,
    how: str,
    sure: float,
    chain: tuple[str, ...],
    look: tuple[str, ...],
) -> Verdict:
    owners = [pod.workload for pod in pods] + [one.name for one in space.short]
    service = next((name for name in owners if name), "") or next(
        (one.name for one in space.state.workloads), ""
    )
    siblings = [pod.name for pod in space.state.pods if pod.ready and pod.workload == service]
    rest = f"; {len(siblings)} sibling pods are Ready" if siblings and pods else ""
    who = ", ".join(pod.name for pod in pods[:2]) or service
    facts = [pod_fact(pod) for pod in pods[:2]]
    facts += [event_fact(event, space.now) for event in events[:3]]
    facts += [workload_fact(one) for one in space.short if one.name == service]
    return Verdict(
        rule, service, who, cause, f"{who}: {how}{rest}", sure, tuple(facts), chain, _SYMPTOMS, look
    )
