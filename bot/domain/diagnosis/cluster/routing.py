"""Services that lead nowhere: selector, port or protocol do not fit the pods that they were meant for."""

import re
from collections import Counter
from collections.abc import Iterator

from bot.domain.diagnosis.cluster.cause import Cause
from bot.domain.diagnosis.cluster.databases import LINK, serves_data
from bot.domain.diagnosis.cluster.finding import HINTED, LATENT, SAID, SEEN, SHOWN, Finding
from bot.domain.diagnosis.cluster.names import asked_names, callers_of, looks_like, meant, selected
from bot.domain.diagnosis.cluster.state import ClusterState, Route, ServiceEntry, ServicePort, Workload

_SHUT = re.compile(r"refused|timed? ?out|unreachable|deadline exceeded|reset by peer", re.IGNORECASE)


def selectors(state: ClusterState) -> Iterator[Finding]:
    """Services whose selector picks no pod although the workload that they were meant for runs."""
    for service in state.services:
        if not service.selector or service.endpoints or selected(state, service):
            continue
        target = meant(state, service)
        if target is None or not target.desired:
            continue
        asked = ", ".join(f"{key}={value}" for key, value in sorted(service.selector.items()))
        because = f"the Service {service.name} selects {asked}, which no pod of {target.name} carries"
        used = bool(callers_of(state, service.name)) or service.open_to_users or _closed(state, service)
        weight = (SAID if used else SEEN) if target.ready else HINTED
        yield Finding("route/selector", 1, "workload", target.name, Cause.SERVICE_SELECTOR, weight, because)


def crossed(state: ClusterState) -> Iterator[Finding]:
    """Services that select the pods of another workload than the one of their name."""
    for service in state.services:
        own, picked = state.workload(service.name), selected(state, service)
        if own is None or not picked or own in picked:
            continue
        because = f"the Service {service.name} sends to {picked[0].name} instead of {own.name}"
        cause = Cause.GATEWAY_ROUTE if service.open_to_users else Cause.SERVICE_SELECTOR
        yield Finding("route/crossed", 1, "workload", own.name, cause, SAID, because)


def edges(state: ClusterState) -> Iterator[Finding]:
    """Services open to users that lead to a workload which only others call, past the one that calls them."""
    called = {callee for callees in state.calls.values() for callee in callees}
    entries = [one for one in state.workloads if one.name not in called and state.calls.get(one.name)]
    for service in state.services:
        picked = selected(state, service)
        wrong = [one for one in picked if one.name in called]
        missed = [
            one
            for one in entries
            if one not in picked
            and (service.name.startswith(f"{one.name}-") or looks_like(one.name, service.name))
        ]
        if service.open_to_users and wrong and missed:
            because = f"{service.name} sends users to {wrong[0].name}, past {missed[0].name}"
            yield Finding("route/edge", 1, "workload", missed[0].name, Cause.GATEWAY_ROUTE, SAID, because)


def targets(state: ClusterState) -> Iterator[Finding]:
    """Service ports whose target no selected container declares, or declares with another protocol."""
    for service in state.services:
        for target in selected(state, service):
            for port in service.ports:
                found = _target(state, service, port, target)
                if found is not None:
                    yield found


def offered(state: ClusterState) -> Iterator[Finding]:
    """Services whose callers all ask for a port that the Service does not offer."""
    asked: dict[str, Counter[int]] = {}
    for _, _, host, port in asked_names(state):
        if port:
            asked.setdefault(host, Counter())[port] += 1
    for service in state.services:
        ports, wanted = {one.number for one in service.ports}, asked.get(service.name, Counter())
        if not wanted or not ports or set(wanted) & ports:
            continue
        target = meant(state, service)
        number, callers = max(wanted.items(), key=lambda pair: (pair[1], -pair[0]))
        if target is None or not _own(service, target, number, callers):
            continue
        because = (
            f"{callers} callers ask {service.name} on port {number}, the Service offers "
            f"{', '.join(str(one) for one in sorted(ports))}"
        )
        felt = _closed(state, service) or _refused(state, service.name, service.address, number)
        weight = SAID if felt else HINTED
        yield Finding("route/offered", 1, "workload", target.name, Cause.SERVICE_PORT, weight, because)


def gateways(state: ClusterState) -> Iterator[Finding]:
    """Rules at the edge that send to a Service or port that is not there, or past the workload of their name."""
    called = {callee for callees in state.calls.values() for callee in callees}
    for route in state.routes:
        service, own = state.service(route.service), _edge_of(state, route)
        if service is None:
            because = f"{route.owner} sends {route.path} to {route.service}, which does not exist"
        elif route.port and route.port not in {one.number for one in service.ports}:
            because = f"{route.owner} sends {route.path} to port {route.port} of {route.service}, which it does not offer"
        elif own != service.name and own not in called and service.name in called and state.workload(own):
            because = f"{route.owner} sends {route.path} to {route.service} instead of {own}"
        else:
            continue
        yield Finding("route/gateway", 1, "workload", own, Cause.GATEWAY_ROUTE, SAID, because)


def _edge_of(state: ClusterState, route: Route) -> str:
    """The workload that a rule is for: the one of its name, the one like its target, the only one nobody calls."""
    names = [one.name for one in state.workloads]
    for name in (route.owner, route.service):
        if name in names and name == route.owner:
            return name
        like = [one for one in names if looks_like(one, name) or name.startswith(f"{one}-")]
        if len(like) == 1:
            return like[0]
    called = {callee for callees in state.calls.values() for callee in callees}
    entries = [name for name in names if name not in called and state.calls.get(name)]
    return entries[0] if len(entries) == 1 else route.owner


def policies(state: ClusterState) -> Iterator[Finding]:
    """Network policies that let nobody in to a workload that others call."""
    called = {callee for callees in state.calls.values() for callee in callees}
    for one in state.workloads:
        over = [policy for policy in state.policies if policy.selector.items() <= one.labels.items()]
        if not over or any(policy.open for policy in over) or not one.desired:
            continue
        because = f"the network policy {over[0].name} lets no traffic in to {one.name}"
        weight = SHOWN if one.name in called else LATENT
        yield Finding("route/policy", 1, "workload", one.name, Cause.NETWORK_POLICY, weight, because)


def _target(
    state: ClusterState, service: ServiceEntry, port: ServicePort, target: Workload
) -> Finding | None:
    declared = target.spec.ports()
    tried = [one.open for one in state.reaches if (one.service, one.port) == (service.name, port.number)]
    unnamed = not port.target.isdigit() and not any(one.name for one in declared)
    if not declared or any(tried) or unnamed:
        return None
    fitting = [one for one in declared if port.target in (str(one.number), one.name)]
    felt = bool(tried) or _refused(state, service.name, service.address, port.number)
    if not fitting:
        # What a container declares is only a word, so that a port beside it is a fault when somebody is refused.
        weight = SAID if felt else (SHOWN if not port.target.isdigit() else HINTED)
        numbers = ", ".join(str(one.number) for one in declared)
        because = (
            f"port {port.number} of {service.name} leads to {port.target}, its containers listen on {numbers}"
        )
        return Finding("route/target", 1, "workload", target.name, Cause.SERVICE_PORT, weight, because)
    if port.protocol not in {one.protocol for one in fitting}:
        because = f"port {port.number} of {service.name} is {port.protocol}, its container listens on {fitting[0].protocol}"
        weight = SAID if felt else SHOWN
        return Finding("route/protocol", 1, "workload", target.name, Cause.SERVICE_PROTOCOL, weight, because)
    return None


def _refused(state: ClusterState, name: str, address: str, port: int) -> bool:
    """Whether clients write that they are refused at the Service's name or address and port; those of a database
    name neither.
    """
    places = "|".join(re.escape(place) for place in (name, address) if place)
    asked = re.compile(rf"(?<![\w.-])({places})\W{{1,4}}(port\W{{1,2}})?{port}(?!\d)", re.IGNORECASE)
    if any(_SHUT.search(one.text) and asked.search(one.text) for one in state.logs):
        return True
    clients = callers_of(state, name) if serves_data(state, name) else ()
    return any(one.workload in clients and LINK.search(one.text) for one in state.logs)


def _closed(state: ClusterState, service: ServiceEntry) -> bool:
    tried = [one for one in state.reaches if one.service == service.name]
    return bool(tried) and not any(one.open for one in tried)


def _own(service: ServiceEntry, target: Workload, number: int, callers: int) -> bool:
    """Whether the Service rather than its only caller is off: the callers agree, or the pods listen where they ask."""
    listens = {one.number for one in target.spec.ports()}
    return callers > 1 or (number in listens and not {one.number for one in service.ports} & listens)
