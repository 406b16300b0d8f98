"""Clients that ask a wrong name or port, and names that exist and do not resolve."""

import re
from collections import Counter
from collections.abc import Iterator

from bot.domain.diagnosis.cluster.cause import Cause
from bot.domain.diagnosis.cluster.finding import HINTED, LATENT, SAID, SEEN, SHOWN, Finding
from bot.domain.diagnosis.cluster.names import asked_names, callers_of, in_cluster, looks_like, meant
from bot.domain.diagnosis.cluster.state import ClusterState, LogSample, Workload

UNRESOLVED = re.compile(
    r"no such host|name or service not known|temporary failure in name resolution|name resolution|enotfound|"
    r"eai_again|unknownhostexception|could not resolve|dns resolution failed|nodename nor servname|server misbehaving|"
    r"failed to resolve|cannot resolve",
    re.IGNORECASE,
)
LASTING = 5  # Lines; fewer are seen while things start,
LASTING_SHARE = 0.15  # ...and a larger share of all lines says that it goes on.
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
            cut = crossed in state.calls.get(workload.name, ()) and crossed not in _reached(state, workload)
            cause = Cause.GATEWAY_ROUTE if _entry(state, workload) and _edge(workload) else Cause.ADDRESS
            weight = SHOWN if cut else HINTED
            yield Finding("address/crossed", 1, "workload", workload.name, cause, weight, because)
        offered = {one.number for one in service.ports}
        if (
            port
            and offered
            and port not in offered
            and ports[(host, port)] == 1
            and not _moved(state, host, port)
        ):
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
    yield from _unnamed(state)
    yield from _unheard(state)


def _unnamed(state: ClusterState) -> Iterator[Finding]:
    """Names that clients ask for and no Service has, while a workload of that name runs."""
    callers: dict[str, set[str]] = {}
    for workload, _, host, _ in asked_names(state):
        callers.setdefault(host, set()).add(workload.name)
    for host, names in sorted(callers.items()):
        own = state.workload(host)
        if own is None or state.service(host) is not None or host in names or not own.desired:
            continue
        because = f"{', '.join(sorted(names))} asks for {host}, which runs and has no Service of that name"
        lines = [one for one in state.logs if one.workload in names and host in one.text]
        quote = lines[0].text if lines else ""
        yield Finding("address/unnamed", 1, "workload", host, Cause.NAME_RESOLUTION, SHOWN, because, quote)


def _unheard(state: ClusterState) -> Iterator[Finding]:
    """Names that exist and that clients still fail to resolve, more than in passing while they started."""
    blind = [one for one in state.logs if UNRESOLVED.search(one.text)]
    pairs: dict[tuple[str, str], list[LogSample]] = {}
    for one in blind:
        for host in _hosts(state, [one]):
            pairs.setdefault((one.workload, host), []).append(one)
    lasting = {pair: lines for pair, lines in pairs.items() if _lasting(pair[0], blind)}
    for (client, host), lines in sorted(lasting.items()):
        blamed = _blind(state, client, host, set(lasting))
        because = f"{client} cannot resolve {host}, which exists"
        yield Finding(
            "address/name", 1, "workload", blamed, Cause.NAME_RESOLUTION, SEEN, because, lines[0].text
        )


def _lasting(client: str, blind: list[LogSample]) -> bool:
    own = [one for one in blind if one.workload == client]
    share = sum(one.share for one in own)
    return sum(one.count for one in own) >= LASTING and (not share or share >= LASTING_SHARE)


def _blind(state: ClusterState, client: str, host: str, pairs: set[tuple[str, str]]) -> str:
    """The client where it misses several names or others find this one, else the name's owner."""
    if sum(one == client for one, _ in pairs) > 1:
        return client
    missing = {one for one, name in pairs if name == host}
    service = state.service(host)
    target = meant(state, service) if service is not None else None
    owner = target.name if target is not None else host
    return client if set(callers_of(state, host)) - missing else owner


def _usual_ports(state: ClusterState) -> Counter[tuple[str, int]]:
    return Counter((host, port) for _, _, host, port in asked_names(state))


def _nowhere(state: ClusterState, workload: Workload, key: str, host: str) -> Iterator[Finding]:
    """A name that no Service has: an optional feature unless something shows that it is needed."""
    meant_for = next((one.name for one in state.services if looks_like(one.name, host)), "")
    meant_for = meant_for or _by_key(state, key)
    reached = _reached(state, workload)
    cut = {name for name in state.calls.get(workload.name, ()) if state.service(name)} - reached
    needed = (meant_for and meant_for not in reached) or any(_kin(name, f"{key} {host}") for name in cut)
    lines = [one for one in state.logs if host in one.text and one.workload == workload.name]
    if lines:
        weight = SAID if meant_for else SEEN
    elif needed:
        weight = SHOWN
    else:
        weight = LATENT if meant_for else 0.1
    if state.workload(host) is not None:
        return
    because = f"{key} of {workload.name} asks for {host}, and there is no such Service"
    quote = lines[0].text if lines else ""
    yield Finding("address/nowhere", 1, "workload", workload.name, Cause.ADDRESS, weight, because, quote)


def _moved(state: ClusterState, host: str, port: int) -> bool:
    """Whether the pods listen where the client asks and the Service offers another port: the Service is off."""
    service = state.service(host)
    target = meant(state, service) if service is not None else None
    if service is None or target is None:
        return False
    listens = {one.number for one in target.spec.ports()}
    return port in listens and not {one.number for one in service.ports} & listens


def _kin(name: str, text: str) -> bool:
    """Whether a part of a name, long enough to mean something, stands in a text."""
    return any(len(part) >= 4 and part in text.lower() for part in name.lower().split("-"))


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
    needed = host in state.calls.get(workload.name, ()) or relational
    weight = SAID if lines else (SHOWN if needed else HINTED)
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
