"""Pods run and users still fail: what do the workload's own lines say? And the cluster that is simply well."""

import re
from collections import Counter

from bot.domain.diagnosis.cluster.state import Workload
from bot.domain.diagnosis.managed.verdict import Fact, Verdict
from bot.domain.diagnosis.managed.workload_view import Namespace, line_fact, workload_fact
from bot.domain.diagnosis.managed.workload_words import KINDS
from bot.domain.evidence import CauseClass, EvidenceKind, EvidenceRole

_LEAST = 2  # One line is an accident.


def lines(space: Namespace) -> Verdict | None:
    """The kind of failure that most lines name, where users feel it."""
    if space.felt is False or len(space.errors) < _LEAST:
        return None
    count: Counter[str] = Counter()
    for line in space.errors:
        kind = next(
            (name for name, pattern, *_ in KINDS if re.search(pattern, line.text, re.IGNORECASE)), None
        )
        if kind is not None:
            count[kind] += 1
    if not count:
        return None
    order = [kind[0] for kind in KINDS]
    top = max(count, key=lambda name: (count[name], -order.index(name)))
    name, pattern, cause, what, look = KINDS[order.index(top)]
    said = [line for line in space.errors if re.search(pattern, line.text, re.IGNORECASE)]
    service = Counter(line.service for line in said).most_common(1)[0][0]
    return Verdict(
        f"k8s.lines_{name}/1",
        service,
        service,
        cause,
        f"{service}: {what}; its pods are Ready with no restart, so that the trouble is in what they do",
        0.85 if space.felt else 0.72,
        tuple(line_fact(line, EvidenceRole.CAUSE) for line in said[:3]),
        (what, f"{service} answers with errors", "users fail while every pod is Ready"),
        look=look,
    )


def fine(space: Namespace) -> tuple[Fact, ...]:
    """What of the cluster is as it was asked to be."""
    facts = []
    if space.state.pods and not space.broken:
        count = len(space.state.pods)
        facts.append(
            _fact(
                "pods",
                f"all {count} pods are Running and Ready or on their way; none is restarted again and again",
            )
        )
    if space.state.workloads and not space.short:
        facts.append(_fact("workloads", "every workload has the replicas that it asks for"))
    if space.state.nodes and not space.ill_nodes:
        facts.append(_fact("nodes", f"all {len(space.state.nodes)} nodes are Ready without pressure"))
    if space.logs and not space.errors:
        facts.append(_fact("logs", "log lines show normal work and no failure"))
    if space.felt is False:
        facts.append(_fact("alerts", "no alert on errors or latency is firing: users feel nothing"))
    return tuple(facts)


def unknown(space: Namespace) -> Verdict | None:
    """Users feel something, or pods are missing that nothing is on its way to replace, and nothing read says why."""
    lacking = [one for one in space.short if _absent(one, space)]
    if not space.felt and not lacking:
        return None
    service = next((one.name for one in lacking or space.state.workloads), "")
    named = [alert.service for alert in space.alerts if alert.service]
    what = "users are affected" if space.felt else f"{service} lacks replicas"
    return Verdict(
        "k8s.unexplained/1",
        service if lacking else (named or [service])[0],
        service,
        CauseClass.UNKNOWN,
        f"{what} and nothing that was read of the cluster says why",
        0.3,
        tuple(workload_fact(one) for one in lacking),
        look=("what the service calls", "traces of failing requests", "events of the workload"),
    )


def _absent(workload: Workload, space: Namespace) -> bool:
    """Whether fewer pods exist than are asked for: one that starts is on its way and no fault."""
    there = [pod for pod in space.state.pods if pod.workload == workload.name and not pod.deleted]
    return bool(space.state.pods) and len(there) < workload.desired


def _fact(key: str, text: str) -> Fact:
    return Fact(f"fine {key}", EvidenceKind.CHANGE, EvidenceRole.RULED_OUT, text, 0.0, "cluster")
