"""Containers that start and end: out of memory, a port that is taken, no right to their files, or their own fault."""

import re
from collections.abc import Iterator, Sequence

from bot.domain.diagnosis.cluster.cause import Cause
from bot.domain.diagnosis.cluster.finding import HINTED, SAID, SEEN, SHOWN, Finding
from bot.domain.diagnosis.cluster.podspec import Container
from bot.domain.diagnosis.cluster.state import ClusterState, Pod

_TAKEN = re.compile(
    r"address (already )?in use|eaddrinuse|bind: permission|port \d+ (is |was )?(already )?in use|failed to bind",
    re.IGNORECASE,
)
_LISTEN = re.compile(r"(SERVER_|LISTEN_|HTTP_|APP_|GRPC_)?PORT")
SHARED = 0.3
_MEMORY = re.compile(r"oom-?killed|memory limit too low|out of memory", re.IGNORECASE)
_FILES = re.compile(
    r"permission denied|eacces|operation not permitted|read-only file system|erofs", re.IGNORECASE
)
_PATHS = re.compile(r"(/[\w.-]+)+|\b(open|mkdir|write|chown|file|dir\w*)\b", re.IGNORECASE)
# Where meshes' proxies listen inside a pod: an application there never hears its own clients.
_PROXIES = {"istio-proxy": frozenset({15000, 15001, 15004, 15006, 15008, 15020, 15021, 15053, 15090}),
            "linkerd-proxy": frozenset({4140, 4143, 4190, 4191})}  # fmt: skip


def killed(state: ClusterState) -> Iterator[Finding]:
    """Containers that the kernel ended for memory."""
    for pod in state.pods:
        for one in pod.spec.containers:
            if "OOMKilled" in (one.state.reason, one.state.last_reason):
                limit = one.limits.get("memory", 0.0)
                because = (
                    f"{one.name} of {pod.name} was ended for memory at a limit of {limit / 2**20:.0f} MiB"
                )
                weight = SEEN if one.state.ready else SAID
                quote = f"{one.state.reason or one.state.last_reason}, {one.state.restarts} restarts"
                yield Finding(
                    "crash/memory", 1, "workload", pod.workload, Cause.OUT_OF_MEMORY, weight, because, quote
                )
        for event in state.events_of("pod", pod.name):
            if event.reason in ("OOMKilling", "SystemOOM") or _MEMORY.search(event.message):
                because = f"{pod.name} was ended for memory"
                yield Finding(
                    "crash/memory-event",
                    1,
                    "workload",
                    pod.workload,
                    Cause.OUT_OF_MEMORY,
                    SHOWN,
                    because,
                    event.message,
                )
                break


def ports(state: ClusterState) -> Iterator[Finding]:
    """Two containers of one pod that want the same port, or an application on its mesh proxy's port."""
    for pod in state.pods:
        clash = _clash(pod.spec.served)
        if clash is None:
            continue
        number, names, taken = clash
        lines = [one.text for one in state.logs if one.workload == pod.workload and _TAKEN.search(one.text)]
        broken = not pod.ready or bool(lines) or any(one.state.restarts for one in pod.spec.served)
        because = f"{' and '.join(names)} of {pod.name} both listen on port {number}"
        weight = (SAID if lines else SHOWN) if broken else (SHOWN if taken else HINTED)
        quote = lines[0] if lines else ""
        yield Finding(
            "crash/sidecar-port", 1, "workload", pod.workload, Cause.SIDECAR_PORT, weight, because, quote
        )


def failing(state: ClusterState) -> Iterator[Finding]:
    """Containers that end by themselves and are started again, by what they wrote."""
    for pod in state.pods:
        ended = [one for one in pod.spec.containers if _ended(one)]
        if pod.deleted or not ended:
            continue
        lines = [one.text for one in state.logs if one.workload == pod.workload]
        texts = [*lines, *(one.state.last_message or one.state.message for one in ended)]
        yield _crash(pod, ended[0], texts)
        if len(pod.spec.served) > 1 and not texts:
            because = f"{ended[0].name} ends without a word, and shares the ports of {pod.name} with other containers"
            yield Finding(
                "crash/shared-ports", 1, "workload", pod.workload, Cause.SIDECAR_PORT, SHARED, because
            )


def _clash(containers: Sequence[Container]) -> tuple[int, tuple[str, str], bool] | None:
    owners: dict[int, str] = {}
    for one in containers:
        proxy = next((ports for name, ports in _PROXIES.items() if one.name == name), frozenset())
        owners.update(dict.fromkeys(proxy, one.name))
    reserved = set(owners)
    for one in containers:
        for number in _listens(one):
            owner = owners.setdefault(number, one.name)
            if owner != one.name:
                return number, (owner, one.name), number in reserved
    return None


def _listens(one: Container) -> set[int]:
    """Ports that a container declares or is told to listen on."""
    told = {int(value) for key, value in one.env.items() if _LISTEN.fullmatch(key) and value.isdigit()}
    return {port.number for port in one.ports} | told


def _ended(one: Container) -> bool:
    state = one.state
    if "OOMKilled" in (state.reason, state.last_reason):
        return False
    looping = state.reason in ("CrashLoopBackOff", "Error") or state.state == "terminated"
    return (looping or (state.restarts > 0 and not state.ready)) and (
        state.last_exit or state.exit_code
    ) not in (None, 0)


def _crash(pod: Pod, container: Container, texts: Sequence[str]) -> Finding:
    exit_code = (
        container.state.last_exit if container.state.last_exit is not None else container.state.exit_code
    )
    because = (
        f"{container.name} of {pod.name} ends with code {exit_code} after {container.state.restarts} restarts"
    )
    taken = next((text for text in texts if _TAKEN.search(text)), "")
    if taken:
        cause = Cause.SIDECAR_PORT if len(pod.spec.served) > 1 else Cause.PORT_IN_USE
        return Finding("crash/port", 1, "workload", pod.workload, cause, SHOWN, because, taken)
    files = next((text for text in texts if _FILES.search(text) and _PATHS.search(text)), "")
    if files and container.mounts:
        return Finding(
            "crash/files", 1, "workload", pod.workload, Cause.MOUNT_PERMISSION, SHOWN, because, files
        )
    if exit_code in (126, 127, 128):
        return Finding("crash/command", 1, "workload", pod.workload, Cause.COMMAND_INVALID, SEEN, because)
    quote = texts[0] if texts else container.state.reason
    return Finding("crash/exit", 1, "workload", pod.workload, Cause.APPLICATION_CRASH, HINTED, because, quote)
