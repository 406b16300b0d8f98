"""Clients that ask a wrong name or port, and names that exist and do not resolve."""

import re
from collections import Counter
from collections.abc import Iterator

from bot.domain.diagnosis.cluster.cause import Cause
from bot.domain.diagnosis.cluster.finding import LATENT, SAID, SEEN, SHOWN, Finding
from bot.domain.diagnosis.cluster.names import asked_names, in_cluster, looks_like, meant
from bot.domain.diagnosis.cluster.state import ClusterState, LogSample, Workload

UNRESOLVED = re.compile(
    r"no such host|name or service not known|temporary failure in name resolution|name resolution|enotfound|"
    r"eai_again|unknownhostexception|could not resolve|dns resolution failed|nodename nor servname|server misbehaving|"
    r"failed to resolve|cannot resolve",
    re.IGNORECASE,
)
_DATABASES = {3306: "mysql", 5432: "postgres", 27017: "mongo", 6379: "redis", 33060: "mysql"}
_DATABASE_WORDS = re.compile(
    r"mysql|maria|postgres|mongo|jdbc|database|\bdb\b|_db_|_db$|^db_|redis", re.IGNORECASE
)


def configured(state: ClusterState) -> Iterator[Finding]:
    """Addresses in the environment that name no Service, the wrong Service, or a port that it does not offer."""
    ports = _usual_ports(state)
    for workload, key, host, port in asked_names(state):
        service = state.service(host)
        if service is None:
            yield from _nowhere(state, workload, key, host)
            continue
        crossed = _crossed(state, key, host)
        if crossed:
            because = f"{key} of {workload.name} is {host}, not {crossed}"
            cause = Cause.GATEWAY_ROUTE if _entry(state, workload) and _edge(workload) else Cause.ADDRESS
            yield Finding("address/crossed", 1, "workload", workload.name, cause, SHOWN, because)
        offered = {one.number for one in service.ports}
        if port and offered and port not in offered and ports[(host, port)] == 1:
            yield _port(state, workload, key, host, port)


def unresolved(state: ClusterState) -> Iterator[Finding]:
    """Clients whose logs say that a name which exists does not resolve, or that ask a resolver of their own."""
    for workload in state.workloads:
        if workload.spec.dns_policy == "None" or workload.spec.dns:
            lines = _lines(state, workload.name, UNRESOLVED)
            because = f"{workload.name} asks its own name servers ({', '.join(workload.spec.dns) or 'none'})"
            quote = lines[0].text if lines else ""
            yield Finding(
                "address/resolver", 1, "workload", workload.name, Cause.NAME_RESOLUTION, SAID if lines else SHOWN,
                because, quote,
            )  # fmt: skip
    for service in state.services:
        if service.kind == "ExternalName":
            target = meant(state, service)
            hosts = in_cluster(service.external_name, state.namespace)
            if target is not None and (not hosts or state.service(hosts) is None):
                because = (
                    f"the Service {service.name} is an alias of {service.external_name}, not of its own pods"
                )
                yield Finding(
                    "address/alias", 1, "workload", target.name, Cause.NAME_RESOLUTION, SHOWN, because
                )
    blind = [one for one in state.logs if UNRESOLVED.search(one.text)]
    for client in sorted({one.workload for one in blind}):
        for host in sorted(_hosts(state, [one for one in blind if one.workload == client])):
            because = f"{client} cannot resolve {host}, which exists"
            quote = next(one.text for one in blind if one.workload == client and host in one.text)
            yield Finding("address/name", 1, "workload", host, Cause.NAME_RESOLUTION, SEEN, because, quote)


def _usual_ports(state: ClusterState) -> Counter[tuple[str, int]]:
    return Counter((host, port) for _, _, host, port in asked_names(state))


def _nowhere(state: ClusterState, workload: Workload, key: str, host: str) -> Iterator[Finding]:
    """A name that no Service has: an optional feature unless something shows that it is needed."""
    meant_for = next((one.name for one in state.services if looks_like(one.name, host)), "")
    meant_for = meant_for or _by_key(state, key)
    needed = meant_for and meant_for not in _reached(state, workload)
    lines = [one for one in state.logs if host in one.text and one.workload == workload.name]
    if lines:
        weight = SAID if meant_for else SHOWN
    elif needed:
        weight = SHOWN
    else:
        weight = LATENT if meant_for else 0.1
    if state.workload(host) is not None:
        return
    because = f"{key} of {workload.name} asks for {host}, and there is no such Service"
    quote = lines[0].text if lines else ""
    yield Finding("address/nowhere", 1, "workload", workload.name, Cause.ADDRESS, weight, because, quote)


def _reached(state: ClusterState, workload: Workload) -> set[str]:
    """Services that the workload has a right address for."""
    return {
        host for one, _, host, _ in asked_names(state) if one.name == workload.name and state.service(host)
    }


def _by_key(state: ClusterState, key: str) -> str:
    """The Service that a variable's name speaks of."""
    plain = re.sub(r"[^a-z0-9]", "", key.lower())
    found = [
        one.name for one in state.services if len(one.name) >= 4 and re.sub(r"\W", "", one.name) in plain
    ]
    return max(found, key=len, default="")


def _crossed(state: ClusterState, key: str, host: str) -> str:
    named = _by_key(state, key)
    if not named or named == host or named in host or host in named:
        return ""
    return "" if re.sub(r"[^a-z0-9]", "", host) in re.sub(r"[^a-z0-9]", "", key.lower()) else named


def _port(state: ClusterState, workload: Workload, key: str, host: str, port: int) -> Finding:
    service = state.service(host)
    offered = sorted(one.number for one in service.ports) if service is not None else []
    database = any(number in _DATABASES for number in offered) and not (
        6379 in offered and not _DATABASE_WORDS.search(key)
    )
    relational = database and 6379 not in offered
    cause = Cause.DATABASE_PORT if relational else Cause.ADDRESS
    lines = [
        one
        for one in state.logs
        if one.workload == workload.name and (host in one.text or str(port) in one.text)
    ]
    because = f"{key} of {workload.name} asks {host} on port {port}, it offers {', '.join(map(str, offered))}"
    weight = SAID if lines else SHOWN
    return Finding(
        "address/port", 1, "workload", workload.name, cause, weight, because, lines[0].text if lines else ""
    )


def _entry(state: ClusterState, workload: Workload) -> bool:
    return not any(workload.name in callees for callees in state.calls.values())


def _edge(workload: Workload) -> bool:
    return bool(
        re.search(r"gateway|ingress|proxy|edge|nginx|envoy|kong|router", workload.name, re.IGNORECASE)
    )


def _lines(state: ClusterState, workload: str, pattern: re.Pattern[str]) -> list[LogSample]:
    return [one for one in state.logs if one.workload == workload and pattern.search(one.text)]


def _hosts(state: ClusterState, lines: list[LogSample]) -> set[str]:
    return {
        service.name
        for service in state.services
        for one in lines
        if re.search(rf"(?<![\w.-]){re.escape(service.name)}(?![\w-])", one.text)
        and service.name != one.workload
    }
