"""The rules on what a cluster shows now: which class, by which rule, and when everything is well."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.cluster.podspec import Container, ContainerState, PodSpec
from bot.domain.diagnosis.cluster.state import ClusterState, Event, Node, NodeCondition, Pod, Workload
from bot.domain.diagnosis.engine import diagnose
from bot.domain.diagnosis.managed.workload_judge import judge_workloads
from bot.domain.evidence import CauseClass, Conclusion, EvidenceKind
from bot.domain.telemetry import LogLine, Telemetry
from bot.domain.trust import Trust

NOW = 1_800_000_000.0
READY = {"Ready": "True"}


def pod(
    name: str,
    *,
    phase: str = "Running",
    ready: bool = True,
    kind: str = "running",
    reason: str = "",
    code: int | None = None,
    restarts: int = 0,
    message: str = "",
    node: str = "node-a",
) -> Pod:
    state = ContainerState(kind, reason, message, code, restarts, ready)
    spec = PodSpec(containers=(Container("web", state=state),))
    return Pod(
        name, "web", {}, spec, node, phase=phase, conditions={"Ready": "True" if ready else "False"}
    )  # fmt: skip


def event(about: str, reason: str, message: str, *, count: int = 8, age_s: float = 30.0) -> Event:
    kind, _, name = about.partition("/")
    return Event(kind, name, reason, message, True, count, age_s)


def node(name: str, **conditions: str) -> Node:
    return Node(
        name, conditions={key: NodeCondition(value) for key, value in {**READY, **conditions}.items()}
    )


@dataclass(frozen=True)
class Scene:
    pods: Sequence[Pod] = (pod("web-5d-aa"), pod("web-5d-bb"))
    ready: int = 2
    desired: int = 2
    events: Sequence[Event] = ()
    nodes: Sequence[Node] = (node("node-a"),)
    lines: Sequence[str] = ()
    monitors: dict[str, bool] = field(default_factory=dict)

    def telemetry(self) -> Telemetry:
        workload = Workload("Deployment", "web", {}, PodSpec(), self.desired, self.ready, self.desired)
        state = ClusterState(
            "shop", tuple(self.pods), (workload,), nodes=tuple(self.nodes), events=tuple(self.events)
        )
        checks = [alert(name, firing=firing, query="x > 1") for name, firing in self.monitors.items()]
        return Telemetry(
            opened_at=NOW,
            now=NOW,
            alerts=(alert("PodTrouble"), *checks),
            logs=tuple(LogLine("web", NOW - 60 + at, text) for at, text in enumerate(self.lines)),
            cluster=state,
        )


def alert(name: str, *, firing: bool = True, query: str = "") -> Alert:
    return Alert(
        name,
        "monitor",
        name,
        AlertStatus.FIRING if firing else AlertStatus.RESOLVED,
        AlertSeverity.WARNING,
        "web",
        "",
        NOW,
        NOW,
        labels={"query": query} if query else {},
    )


WAITING: dict[str, Any] = {"kind": "waiting", "ready": False}
OLD = pod("web-5d-aa")
CRASHED = pod("web-77-xx", reason="CrashLoopBackOff", code=1, restarts=6, **WAITING)
BACKOFF = event("pod/web-77-xx", "BackOff", "Back-off restarting failed container")

FAULTS = [
    (
        "k8s.memory",
        CauseClass.MEMORY,
        Scene([OLD, pod("web-5d-xx", reason="CrashLoopBackOff", code=137, restarts=5, message="OOMKilled", **WAITING)], 1),
    ),
    (
        "k8s.image",
        CauseClass.CONFIGURATION,
        Scene([OLD, pod("web-77-xx", phase="Pending", reason="ImagePullBackOff", message="manifest unknown", **WAITING)], 1),
    ),
    (
        "k8s.image",
        CauseClass.DEPENDENCY,
        Scene([OLD, pod("web-77-xx", phase="Pending", reason="ErrImagePull", message="dial tcp: i/o timeout", **WAITING)], 1),
    ),
    (
        "k8s.configuration",
        CauseClass.CONFIGURATION,
        Scene([OLD, pod("web-77-xx", reason="CreateContainerConfigError", message='secret "db" not found', **WAITING)], 1),
    ),
    (
        "k8s.probe",
        CauseClass.CONFIGURATION,
        Scene([OLD, pod("web-5d-xx", ready=False, restarts=6)], 1, events=[event("pod/web-5d-xx", "Unhealthy", "Liveness probe failed: HTTP 500")]),
    ),
    (
        "k8s.quota",
        CauseClass.CAPACITY,
        Scene(ready=2, desired=4, events=[event("replicaset/web-5d", "FailedCreate", "pods are forbidden: exceeded quota: team")]),
    ),
    (
        "k8s.admission",
        CauseClass.CONFIGURATION,
        Scene(ready=2, desired=4, events=[event("replicaset/web-5d", "FailedCreate", "admission webhook denied the request")]),
    ),
    (
        "k8s.placement",
        CauseClass.CAPACITY,
        Scene([OLD, pod("web-5d-xx", phase="Pending", node="", **WAITING)], 1, events=[event("pod/web-5d-xx", "FailedScheduling", "0/3 nodes are available: 3 Insufficient cpu.")]),
    ),
    (
        "k8s.placement",
        CauseClass.CONFIGURATION,
        Scene([OLD, pod("web-5d-xx", phase="Pending", node="", **WAITING)], 1, events=[event("pod/web-5d-xx", "FailedScheduling", "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.")]),
    ),
    (
        "k8s.node",
        CauseClass.INFRASTRUCTURE,
        Scene([OLD, pod("web-5d-xx", ready=False, phase="Unknown", node="node-b")], 1, nodes=[node("node-a"), node("node-b", Ready="Unknown")]),
    ),
    (
        "k8s.node",
        CauseClass.CAPACITY,
        Scene([OLD, pod("web-5d-xx", ready=False, phase="Failed", node="node-b")], 1, nodes=[node("node-a"), node("node-b", DiskPressure="True")]),
    ),
    (
        "k8s.volume",
        CauseClass.INFRASTRUCTURE,
        Scene([OLD, pod("web-5d-xx", phase="Pending", reason="ContainerCreating", **WAITING)], 1, events=[event("pod/web-5d-xx", "FailedAttachVolume", "Multi-Attach error for volume")]),
    ),
    ("k8s.crash_configuration", CauseClass.CONFIGURATION, Scene([OLD, CRASHED], 1, events=[BACKOFF], lines=["FATAL required env var TOKEN_URL is not set"])),
    ("k8s.crash_dns", CauseClass.NETWORK, Scene([OLD, CRASHED], 1, events=[BACKOFF], lines=["fatal: lookup queue.shop.svc: no such host"])),
    ("k8s.crash_dependency", CauseClass.DEPENDENCY, Scene([OLD, CRASHED], 1, events=[BACKOFF], lines=["Error: connect ECONNREFUSED 10.0.3.9:6379"])),
    ("k8s.crash_code", CauseClass.DEPLOY, Scene([OLD, CRASHED], 1, events=[BACKOFF], lines=["panic: runtime error: nil pointer dereference"])),
    ("k8s.crash", CauseClass.DEPLOY, Scene([OLD, CRASHED], 1, events=[BACKOFF])),
    ("k8s.lines_dns", CauseClass.NETWORK, Scene(lines=["Error: getaddrinfo ENOTFOUND stock", "Error: getaddrinfo ENOTFOUND stock"], monitors={"error rate": True})),
    ("k8s.lines_dependency", CauseClass.DEPENDENCY, Scene(lines=["stock: upstream connect error", "GET /x failed: connection refused"], monitors={"error rate": True})),
    ("k8s.lines_certificate", CauseClass.CONFIGURATION, Scene(lines=["error: x509: certificate has expired"] * 2, monitors={"error rate": True})),
    ("k8s.lines_pool", CauseClass.CAPACITY, Scene(lines=["error: accept failed: too many open files"] * 2, monitors={"p95 latency": True})),
    ("k8s.unexplained", CauseClass.UNKNOWN, Scene(monitors={"error rate": True})),
]  # fmt: skip

UNTOLD = event("pod/web-77-xx", "BackOff", "Back-off restarting failed container (last exit_code=1)")
FAULTS += [
    ("k8s.unexplained", CauseClass.UNKNOWN, Scene(ready=2, desired=4)),
    ("k8s.quota", CauseClass.CAPACITY, Scene(ready=2, desired=4, lines=["controller: Error creating: pods is forbidden: exceeded quota: team"])),
    ("k8s.crash", CauseClass.DEPLOY, Scene([OLD], 1, events=[UNTOLD])),
    ("k8s.image", CauseClass.CONFIGURATION, Scene([OLD], 1, events=[event("pod/web-77-xx", "Failed", 'Failed to pull image "web:9": manifest unknown')])),
]  # fmt: skip

WELL = [
    ("calm", Scene()),
    ("a pod that is gone and that nobody misses", Scene(events=[UNTOLD])),
    ("old warnings about pods that are ready", Scene(events=[event("pod/web-5d-aa", "BackOff", "Back-off restarting", age_s=7200)])),
    ("one restart long ago", Scene([pod("web-5d-aa", restarts=4), pod("web-5d-bb")])),
    ("a pod that starts", Scene([OLD, pod("web-5d-xx", phase="Pending", kind="waiting", reason="ContainerCreating", ready=False)], 1)),
    ("readiness not passed at the first try", Scene([OLD, pod("web-5d-xx", ready=False)], 1, events=[event("pod/web-5d-xx", "Unhealthy", "Readiness probe failed", count=2)])),
    ("a mount that was tried again", Scene(events=[event("pod/web-5d-aa", "FailedMount", "transient issue, retried successfully", count=1)])),
    ("a job that is done", Scene([OLD, pod("web-5d-bb"), pod("nightly-1", phase="Succeeded", ready=False, kind="terminated", reason="Completed", code=0)])),
    ("a cordoned node", Scene(nodes=[node("node-a"), Node("node-b", cordoned=True, conditions={"Ready": NodeCondition("True")})])),
    ("an error that was overcome", Scene(lines=["connection reset, retry succeeded", "served 120 requests, 0 errors"], monitors={"error rate": False})),
    ("errors that no user feels", Scene(lines=["error: cache miss upstream timeout"] * 3, monitors={"error rate": False, "latency": False})),
    ("a monitor of replicas that lags", Scene(monitors={"replicas_unavailable above 0": True, "error rate": False})),
    ("a monitor of restarts that lags", Scene(monitors={"pod restarts": True, "error rate": False})),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "cause", "given"), FAULTS, ids=[f"{one[0]} {one[1]}" for one in FAULTS])
def test_each_fault_is_classified_by_its_rule(rule: str, cause: CauseClass, given: Scene) -> None:
    told = given.telemetry()
    assert told.cluster is not None
    [verdict] = judge_workloads(told.cluster, told.logs, told.alerts, told.now).verdicts
    assert (verdict.service, verdict.name, verdict.cause) == ("web", rule, cause)
    found = diagnose(told)
    # Lines of a log are public text: alone they are a guess, however plain.
    guess = cause is CauseClass.UNKNOWN or "lines" in rule or (rule == "k8s.quota" and not given.events)
    wanted = Conclusion.NOT_CONFIDENT if guess else Conclusion.CAUSE_FOUND
    assert (found.conclusion, found.hypotheses[0].service) == (wanted, "web")
    assert any(one.startswith(rule) for one in found.hypotheses[0].rules)


def test_two_rule_books_on_one_workload_make_one_hypothesis() -> None:
    image = next(given for rule, _cause, given in FAULTS if rule == "k8s.image")
    found = diagnose(image.telemetry())
    assert [one.service for one in found.hypotheses] == ["web"]
    assert found.hypotheses[0].confidence < 0.97


@pytest.mark.parametrize(("what", "given"), WELL, ids=[one[0] for one in WELL])
def test_what_is_well_now_is_no_incident(what: str, given: Scene) -> None:
    found = diagnose(given.telemetry())
    assert (what, found.conclusion, found.hypotheses) == (what, Conclusion.NO_INCIDENT, ())


@pytest.mark.parametrize("name", ["CheckoutConversionDrop", "QueueBacklog", "CertificateExpiry", "HighCPU"])
def test_pods_that_run_say_nothing_of_an_alert_on_something_else(name: str) -> None:
    told = replace(Scene().telemetry(), alerts=(alert(name),))
    found = diagnose(told)
    assert found.conclusion is Conclusion.NOT_CONFIDENT
    assert all(one.confidence < tuning.CAUSE_FOUND_AT for one in found.hypotheses)


def test_a_node_that_nobody_misses_is_no_fault_of_the_workload() -> None:
    told = Scene(nodes=[node("node-a"), node("node-b", Ready="Unknown")]).telemetry()
    assert told.cluster is not None
    assert judge_workloads(told.cluster, told.logs, told.alerts, told.now).verdicts == ()


def test_what_a_log_says_names_a_class_and_lets_nothing_act_by_itself() -> None:
    crashed = next(given for rule, _cause, given in FAULTS if rule == "k8s.crash_configuration")
    top = diagnose(crashed.telemetry()).hypotheses[0]
    assert top.cause is CauseClass.CONFIGURATION
    assert top.solid < 0.7 <= top.confidence
    found = diagnose(crashed.telemetry()).evidence
    assert [item.trust for item in found if item.kind is EvidenceKind.LOG] == [Trust.PUBLIC]
