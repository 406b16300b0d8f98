"""Probes that fail although the application runs: wrong port, wrong protocol, or no time to start.

A container's other probe and the port that it declares are the witnesses of what would have been right.
"""

import re
from collections.abc import Iterator, Sequence

from bot.domain.diagnosis.cluster.cause import Cause
from bot.domain.diagnosis.cluster.finding import HINTED, LATENT, SAID, SEEN, SHOWN, Finding
from bot.domain.diagnosis.cluster.podspec import Container, Probe
from bot.domain.diagnosis.cluster.state import ClusterState, Event, Pod, ServiceEntry

_FOREIGN = re.compile(
    r"malformed HTTP|does not implement the grpc health|unimplemented|http2|frame too large|HTTP/1|"
    r"gave HTTP response to HTTPS|gave HTTP/0\.9|tls: first record|error reading server preface|transport is closing|"
    r"unexpected EOF|: EOF$|connection reset|statuscode: (404|405|415|426|501)|failed to connect service",
    re.IGNORECASE,
)
_KILLED = re.compile(r"failed liveness probe", re.IGNORECASE)
_REFUSED = re.compile(r"connection refused|failed to connect service|no route to host", re.IGNORECASE)
_BINARY = ("grpc", "tcp", "redis", "mysql", "mongo")
_TEXTUAL = ("http", "https", "web")


def failing(state: ClusterState) -> Iterator[Finding]:
    """Liveness probes that restart and readiness probes that keep out of service."""
    for pod in state.pods:
        if pod.deleted or pod.phase != "Running":
            continue
        events = state.events_of("pod", pod.name)
        for container in pod.spec.served:
            yield from _liveness(state, pod, container, events)
            yield from _readiness(state, pod, container, events)


def _liveness(
    state: ClusterState, pod: Pod, container: Container, events: tuple[Event, ...]
) -> Iterator[Finding]:
    for probe in (container.liveness, container.startup):
        failed = _failures(events, "Liveness" if probe is container.liveness else "Startup")
        killed = [one for one in events if one.reason == "Killing" and _KILLED.search(one.message)]
        restarted = container.state.restarts > 0 or bool(killed)
        if probe is None or not restarted or not (failed or killed) or _excused(container):
            continue
        said = failed[0].message if failed else killed[0].message
        wrong = _wrong(state, pod, container, probe, [one.message for one in failed])
        if wrong == "port":
            cause, weight = Cause.LIVENESS_PORT, SAID
        elif wrong == "protocol":
            cause, weight = Cause.LIVENESS_PROTOCOL, SAID
        else:
            ended = bool(killed) or container.state.last_exit in (137, 143)
            down = not container.state.ready
            weight = (SHOWN if _hasty(probe, container) and down else SEEN) if ended else LATENT
            cause = Cause.LIVENESS_TIMING
        because = f"the liveness probe of {container.name} ({_shown(probe)}) restarts {pod.name}"
        yield Finding("probe/liveness", 1, "workload", pod.workload, cause, weight, because, said)


def _readiness(
    state: ClusterState, pod: Pod, container: Container, events: tuple[Event, ...]
) -> Iterator[Finding]:
    probe = container.readiness
    failed = _failures(events, "Readiness")
    if probe is None or pod.ready or container.state.ready or container.state.state not in ("running", ""):
        return
    if not failed:
        return
    wrong = _wrong(state, pod, container, probe, [one.message for one in failed])
    cause, weight = {
        "port": (Cause.READINESS_PORT, SAID),
        "protocol": (Cause.READINESS_PROTOCOL, SAID),
    }.get(wrong, (Cause.READINESS_FAILING, HINTED))
    because = f"{pod.name} runs, but the readiness probe of {container.name} ({_shown(probe)}) fails"
    yield Finding("probe/readiness", 1, "workload", pod.workload, cause, weight, because, failed[0].message)


def _failures(events: tuple[Event, ...], which: str) -> list[Event]:
    return [one for one in events if one.reason == "Unhealthy" and one.message.startswith(f"{which} probe")]


def _excused(container: Container) -> bool:
    """An end for memory makes the probe fail too."""
    return "OOMKilled" in (container.state.reason, container.state.last_reason)


def _wrong(state: ClusterState, pod: Pod, container: Container, probe: Probe, texts: Sequence[str]) -> str:
    """`port`, `protocol` or nothing."""
    other = _other(container, probe)
    peer = _same_but(state, pod, container, probe)
    if _elsewhere(state, pod, probe, other):
        return "port"
    if probe.how == "exec":
        return ""
    spoken = {one.how for one in (other, peer) if one is not None and one.port == probe.port}
    if (
        other is not None
        and other.port == probe.port
        and other.how != probe.how
        and not _silent(other, texts)
    ):
        return "protocol"
    if spoken and probe.how not in spoken and any(_FOREIGN.search(text) for text in texts):
        return "protocol"
    if any(_FOREIGN.search(text) and not _slow(text) and not _REFUSED.search(text) for text in texts):
        return "protocol"
    named = _named(state, pod, probe)
    foreign = (_BINARY if probe.how in ("http", "https") else _TEXTUAL) if probe.how != "tcp" else ()
    return "protocol" if named in foreign else ""


def _silent(other: Probe, texts: Sequence[str]) -> bool:
    """A TCP probe beside an HTTP one proves nothing: both are fair on an HTTP port that is not open yet."""
    refused = [_REFUSED.search(text) and "failed to connect service" not in text for text in texts]
    return other.how == "tcp" and all(refused)


def _slow(said: str) -> bool:
    return bool(re.search(r"deadline exceeded|timeout", said, re.IGNORECASE))


def _elsewhere(state: ClusterState, pod: Pod, probe: Probe, other: Probe | None) -> bool:
    """Whether the probe asks a port that nothing else knows: no container, no Service, not the other probe."""
    if not probe.port or (other is not None and other.port == probe.port):
        return False
    declared = pod.spec.ports()
    known = {str(one.number) for one in declared} | {one.name for one in declared if one.name}
    if not known:
        known = {port.target for one in state.services if _serves(one, pod) for port in one.ports}
    if not known and other is not None:
        known = {other.port}
    return bool(known) and probe.port not in known


def _serves(service: ServiceEntry, pod: Pod) -> bool:
    return bool(service.selector) and service.selector.items() <= pod.labels.items()


def _other(container: Container, probe: Probe) -> Probe | None:
    others = (container.liveness, container.readiness, container.startup)
    return next((one for one in others if one is not None and one is not probe), None)


def _same_but(state: ClusterState, pod: Pod, container: Container, probe: Probe) -> Probe | None:
    """How another workload on the same port number is asked, as a hint of what is spoken there."""
    for other in state.pods:
        if other.workload != pod.workload and other.ready:
            for one in other.spec.served:
                for asked in (one.readiness, one.liveness):
                    if asked is not None and asked.port == probe.port and one.image == container.image:
                        return asked
    return None


def _named(state: ClusterState, pod: Pod, probe: Probe) -> str:
    """The protocol that a port's name says, by the containers or by the Services in front of them."""
    names = [one.name for one in pod.spec.ports() if str(one.number) == probe.port]
    for service in state.services:
        if _serves(service, pod):
            names += [one.name for one in service.ports if one.target == probe.port]
    for name in names:
        for word in name.lower().split("-"):
            if word in ("grpc", "http", "https", "web", "tcp", "redis", "mysql", "mongo"):
                return word
    return ""


def _hasty(probe: Probe, container: Container) -> bool:
    """Whether the application has less time to start than its readiness probe would give it."""
    patience = probe.delay_s + probe.period_s * probe.failures
    given = container.readiness
    return patience < 15.0 or (given is not None and patience < given.delay_s + given.period_s)


def _shown(probe: Probe) -> str:
    return f"{probe.how} on port {probe.port}, after {probe.delay_s:g} s every {probe.period_s:g} s, {probe.failures} times"
