"""Objects that the API server refused to make: quotas, service accounts, policies; and workloads asked to be nothing."""

import re
from collections.abc import Iterator

from bot.domain.diagnosis.cluster.cause import Cause
from bot.domain.diagnosis.cluster.finding import HINTED, SAID, SHOWN, Finding
from bot.domain.diagnosis.cluster.names import asked_names, looks_like
from bot.domain.diagnosis.cluster.quantity import quantity
from bot.domain.diagnosis.cluster.state import ClusterState, Event, Quota, Workload

_REFUSED = ("FailedCreate", "ReplicaFailure", "FailedUpdate")
_QUOTA = re.compile(r"exceeded quota: ([\w.-]+), requested: (.*?), used: (.*?), limited: (.*)$")
_RESOURCES: tuple[tuple[str, Cause], ...] = (
    ("storage", Cause.QUOTA_STORAGE), ("persistentvolumeclaims", Cause.QUOTA_STORAGE), ("cpu", Cause.QUOTA_CPU),
    ("memory", Cause.QUOTA_MEMORY), ("services", Cause.QUOTA_SERVICES), ("pods", Cause.QUOTA_PODS),
)  # fmt: skip


def refused(state: ClusterState) -> Iterator[Finding]:
    """Workloads with fewer pods than asked for, by what the API server answered their controller."""
    for one in state.workloads:
        if one.current >= one.desired:
            continue
        for event in _refusals(state, one):
            found = _refusal(state, one, event)
            if found is not None:
                yield found
                break
        else:
            yield from _full(state, one)


def zero(state: ClusterState) -> Iterator[Finding]:
    """Workloads scaled to nothing although a Service sends them requests or others call them."""
    called = {callee for callees in state.calls.values() for callee in callees}
    for one in state.workloads:
        if one.desired or one.kind == "DaemonSet":
            continue
        served = any(
            service.selector and service.selector.items() <= one.labels.items() for service in state.services
        )
        weight = SAID if one.name in called else (SHOWN if served else HINTED)
        because = f"{one.name} is asked to run with no replica"
        yield Finding("admission/zero", 1, "workload", one.name, Cause.SCALED_TO_ZERO, weight, because)


def absent(state: ClusterState) -> Iterator[Finding]:
    """Services and claims that a full quota kept from being made: their users exist, they do not."""
    for quota in state.quotas:
        for resource, cause in (("services", Cause.QUOTA_SERVICES), ("storage", Cause.QUOTA_STORAGE)):
            wanted = _missing(state, resource)
            needed = _typical(state) if resource == "storage" else 0.0
            if wanted and _exhausted(quota, resource, needed):
                yield Finding(
                    f"admission/quota-{resource}", 1, "namespace", state.namespace, cause, SAID,
                    f"quota {quota.name} leaves no room and {', '.join(wanted)} was never made", _shown(quota), wanted,
                )  # fmt: skip


def _refusals(state: ClusterState, one: Workload) -> list[Event]:
    made = re.compile(rf"{re.escape(one.name)}-[a-z0-9]+")
    found = [
        event
        for event in state.events
        if event.reason in _REFUSED
        and (
            (event.kind == "replicaset" and made.fullmatch(event.name))
            or (event.kind == one.kind.lower() and event.name == one.name)
        )
    ]
    return sorted(found, key=lambda event: (event.age_s, event.message))


def _refusal(state: ClusterState, one: Workload, event: Event) -> Finding | None:
    said = event.message
    quota = _QUOTA.search(said)
    if quota is not None:
        cause = _scarce(quota[2], quota[3], quota[4])
        because = f"quota {quota[1]} has no room for the pods of {one.name}"
        return Finding(
            "admission/quota", 1, "namespace", state.namespace, cause, SAID, because, said, (one.name,)
        )
    for pattern, cause in (
        (r"service ?account.*not found", Cause.SERVICE_ACCOUNT_MISSING),
        (r"failed quota: .*must specify", Cause.QUOTA_OTHER),
        (r"(maximum|minimum) (cpu|memory|storage) .*per", Cause.LIMIT_RANGE),
        (r"violates PodSecurity|unable to validate against any security context", Cause.POLICY_REFUSED),
        (r"failed calling webhook", Cause.WEBHOOK_FAILED),
        (r"admission webhook .* denied", Cause.POLICY_REFUSED),
    ):
        if re.search(pattern, said, re.IGNORECASE):
            because = f"no pod of {one.name} can be made: {cause.words}"
            return Finding("admission/refused", 1, "workload", one.name, cause, SAID, because, said)
    return None


def _scarce(requested: str, used: str, limited: str) -> Cause:
    asked, have, most = (_figures(text) for text in (requested, used, limited))
    over = [name for name in asked if asked[name] + have.get(name, 0) > most.get(name, 0)] or list(asked)
    found = (cause for name in over for mark, cause in _RESOURCES if mark in name)
    return next(found, Cause.QUOTA_OTHER)


def _figures(text: str) -> dict[str, float]:
    parts = (part.partition("=") for part in text.split(","))
    return {name.strip(): quantity(value) for name, _, value in parts if value}


def _full(state: ClusterState, one: Workload) -> Iterator[Finding]:
    """No event is left to say why: a missing service account, or a quota with too little room for one more pod."""
    account = one.spec.service_account
    if state.service_accounts is not None and account and account not in state.service_accounts:
        because = f"{one.name} runs as the service account {account}, which does not exist"
        yield Finding(
            "admission/account", 1, "workload", one.name, Cause.SERVICE_ACCOUNT_MISSING, SHOWN, because
        )
        return
    for quota in state.quotas:
        for resource, cause in (
            ("cpu", Cause.QUOTA_CPU),
            ("memory", Cause.QUOTA_MEMORY),
            ("pods", Cause.QUOTA_PODS),
        ):
            if _exhausted(quota, resource, _needed(one, resource)):
                because = f"quota {quota.name} leaves too little {resource} for a pod of {one.name}"
                yield Finding(
                    "admission/full", 1, "namespace", state.namespace, cause, SHOWN, because, _shown(quota),
                    (one.name,),
                )  # fmt: skip


def _needed(one: Workload, resource: str) -> float:
    if resource == "pods":
        return 1.0
    return sum(container.requests.get(resource, 0.0) for container in one.spec.served)


def _exhausted(quota: Quota, resource: str, needed: float = 0.0) -> bool:
    """Whether a quota on the resource leaves less than what is needed, or nothing."""
    for name, most in quota.hard.items():
        plain = name.removeprefix("requests.").removeprefix("count/")
        left = most - quota.used.get(name, 0.0)
        if resource in plain and left < max(needed, 1e-9):
            return True
        if resource == "storage" and plain == "persistentvolumeclaims" and left < 1:
            return True
    return False


def _typical(state: ClusterState) -> float:
    """What a claim that was never made would have asked for: as much as the largest volume that waits for one."""
    waiting = [one.capacity for one in state.volumes if not one.claim]
    return max(waiting, default=max((one.asked for one in state.claims or ()), default=0.0))


def _missing(state: ClusterState, resource: str) -> tuple[str, ...]:
    if resource == "storage":
        if state.claims is None:
            return ()
        have = {one.name for one in state.claims}
        asked = {ref.name for one in state.workloads for ref in one.spec.named("claim")}
        return tuple(sorted(asked - have))
    exposed = {one.name for one in state.services}
    selected = {
        one.name
        for one in state.workloads
        for service in state.services
        if service.selector and service.selector.items() <= one.labels.items()
    }
    bare = {one.name for one in state.workloads if one.name not in selected and one.spec.ports()}
    wanted = {name for _, _, name, _ in asked_names(state)} - exposed
    called = {name for name in bare if any(looks_like(name, other) for other in wanted)}
    return tuple(sorted(called or bare))


def _shown(quota: Quota) -> str:
    return ", ".join(
        f"{name} {quota.used.get(name, 0):g}/{most:g}" for name, most in sorted(quota.hard.items())
    )
