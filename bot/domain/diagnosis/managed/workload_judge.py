"""The order in which rules are asked about a namespace; the first that explains another takes it as its symptom."""

from collections.abc import Callable

from bot.domain.alert import Alert
from bot.domain.diagnosis.cluster.state import ClusterState
from bot.domain.diagnosis.managed import workload_lines, workload_pods
from bot.domain.diagnosis.managed.verdict import Judgement, Verdict
from bot.domain.diagnosis.managed.workload_view import Namespace
from bot.domain.telemetry import LogLine

_RULES: tuple[Callable[[Namespace], Verdict | None], ...] = (
    workload_pods.node,
    workload_pods.image,
    workload_pods.configuration,
    workload_pods.memory,
    workload_pods.quota,
    workload_pods.refused,
    workload_pods.placement,
    workload_pods.volume,
    workload_pods.probe,
    workload_pods.crash,
    workload_pods.unready,
    workload_pods.rollout,
    workload_lines.lines,
)


def judge_workloads(
    state: ClusterState, logs: tuple[LogLine, ...], alerts: tuple[Alert, ...], now: float
) -> Judgement:
    """What is wrong in a namespace now, by the first rule that says so."""
    space = Namespace(state, logs, alerts, now)
    found = [verdict for verdict in (rule(space) for rule in _RULES) if verdict is not None]
    if not found:
        open_question = workload_lines.unknown(space)
        found = [open_question] if open_question is not None else []
    first = found[:1]
    service = first[0].service if first else next((one.name for one in state.workloads), state.namespace)
    covers = frozenset(name for one in state.workloads for name in (one.name, one.service) if name)
    covers |= frozenset(pod.workload for pod in state.pods if pod.workload)
    return Judgement(
        service,
        state.namespace,
        tuple(first),
        (),
        workload_lines.fine(space),
        covers if space.judged and (found or space.answered) else frozenset(),
    )
