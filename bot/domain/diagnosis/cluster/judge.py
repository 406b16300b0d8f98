"""All rules over one state, the most direct cause first. A family is a file; adding one is adding it to RULES."""

from collections.abc import Iterable
from dataclasses import replace

from bot.domain.diagnosis.cluster import (
    addressing,
    admission,
    crashes,
    databases,
    images,
    infrastructure,
    probes,
    routing,
    scheduling,
    speed,
    storage,
)
from bot.domain.diagnosis.cluster.cause import Cause
from bot.domain.diagnosis.cluster.finding import Finding, Look
from bot.domain.diagnosis.cluster.names import dependants
from bot.domain.diagnosis.cluster.state import ClusterState

# In causal order: among findings of equal weight the earlier family stands nearer to the cause.
RULES: tuple[Look, ...] = (
    infrastructure.daemons,
    infrastructure.readiness,
    infrastructure.pressure,
    infrastructure.sandboxes,
    scheduling.unseen,
    admission.refused,
    admission.absent,
    admission.zero,
    scheduling.unplaced,
    storage.claims,
    storage.attachment,
    images.pulls,
    images.references,
    crashes.killed,
    crashes.ports,
    databases.said,
    databases.ports,
    databases.odd,
    databases.strangled,
    crashes.failing,
    probes.failing,
    routing.selectors,
    routing.crossed,
    routing.edges,
    routing.targets,
    routing.offered,
    routing.gateways,
    routing.policies,
    addressing.configured,
    addressing.unresolved,
    databases.unlinked,
    infrastructure.proxies,
    speed.processors,
    speed.losses,
    speed.delays,
)
LEAST = 0.2  # Below it a contradiction without effect is not worth a reader's time.
MOST = 10
EXPLAINED = 0.7  # What is left of a finding that another one makes by itself.


def findings(state: ClusterState) -> tuple[Finding, ...]:
    """What is wrong, best first; deterministic, empty for a healthy state."""
    found: dict[tuple[str, str, Cause], tuple[Finding, int]] = {}
    for place, rule in enumerate(RULES):
        for one in rule(state):
            key = (one.kind, one.name, one.cause)
            if one.weight >= LEAST and (key not in found or found[key][0].weight < one.weight):
                found[key] = (one, place)
    judged = [
        (_discounted(one, [other for other, _ in found.values()]), place) for one, place in found.values()
    ]
    reach = {one.name: len(dependants(state, one.name)) for one, _ in judged if one.kind == "workload"}
    judged.sort(key=lambda pair: (-pair[0].weight, pair[1], -reach.get(pair[0].name, 0), pair[0].name))
    return tuple(one for one, _ in judged[:MOST])


def _discounted(one: Finding, others: Iterable[Finding]) -> Finding:
    """A workload's finding counts less where a node or quota that is surely at fault takes it down."""
    if one.kind == "workload" and any(
        other.kind != "workload" and other.weight > one.weight and one.name in other.hurts for other in others
    ):
        return replace(one, weight=one.weight * EXPLAINED)
    return one
