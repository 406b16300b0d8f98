"""What the runtime sensor of the cluster writes: Falco's JSON events of ordinary and of foreign behaviour. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence

from bot.local.world.logs import LogLine
from bot.local.world.noise import BIN_SECONDS, fraction, key_number
from bot.local.world.scene import Scene, Strike
from bot.local.world.webmoment import moment

SOURCE = "syscall"
_SERVER, _SHIM, _HEALTH = "/app/server", "/usr/bin/containerd-shim", "/usr/bin/healthcheck"
_BIN_SHARE = 0.12  # Ordinary events of an instance in each 5 seconds.
_CALLS_EVERY = 2  # Bins between two calls of foreign code.


def events(
    scene: Scene,
    service: str,
    start: float,
    end: float,
    instances: Sequence[str],
    contained: Mapping[str, float],
) -> Iterator[LogLine]:
    """Events of one workload with start <= time < end; foreign code falls silent in a pod once it is contained."""
    for number in range(int(start // BIN_SECONDS), int(end // BIN_SECONDS) + 1):
        for instance in instances:
            for line in (
                *_ordinary(scene, service, instance, number),
                *_foreign(scene.strike, service, instance, instances, number, contained),
            ):
                if start <= line.at < end:
                    yield line


def struck(scene: Scene, instances: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The pods that the strike hit."""
    strike = scene.strike
    return tuple(instances.get(strike.service, ())[: strike.pods]) if strike else ()


def _ordinary(scene: Scene, service: str, instance: str, number: int) -> Iterator[LogLine]:
    if fraction(scene.seed, instance, number) >= _BIN_SHARE:
        return
    key = key_number(scene.seed, instance, number)
    at = number * BIN_SECONDS + key % 4990 / 1000
    servers = [edge.server for edge in scene.system.topology.edges if edge.client == service]
    if key % 3 == 0 or not servers:
        yield _line(service, instance, at, "execve", _HEALTH, _SHIM)
    elif key % 3 == 1:
        yield _line(service, instance, at, "execve", _SERVER, _SHIM)
    else:
        server = servers[key // 3 % len(servers)]
        host = key_number(server)
        remote = f"10.{host % 200}.{host // 200 % 250}.{key // 9 % 4 + 2}"
        yield _line(service, instance, at, "connect", _SERVER, _SHIM, (remote, 8000 + host % 1000))


def _foreign(
    strike: Strike | None,
    service: str,
    instance: str,
    instances: Sequence[str],
    number: int,
    contained: Mapping[str, float],
) -> Iterator[LogLine]:
    if strike is None or strike.service != service or instance not in instances[: strike.pods]:
        return
    first = strike.since_at + 6.0 * list(instances).index(instance)
    begun = int(first // BIN_SECONDS)
    if number < begun or number * BIN_SECONDS > contained.get(instance, float("inf")):
        return
    if number == begun:
        yield _line(service, instance, first, "execve", strike.executable, _SERVER)
    if (number - begun) % _CALLS_EVERY == 0:
        host, _, port = strike.remotes[number // 2 % len(strike.remotes)].rpartition(":")
        at = max(first, number * BIN_SECONDS) + 0.4
        yield _line(service, instance, at, "connect", strike.executable, _SERVER, (host, int(port)))


def _line(
    service: str,
    instance: str,
    at: float,
    call: str,
    executable: str,
    parent: str,
    remote: tuple[str, int] | None = None,
) -> LogLine:
    fields: dict[str, str | int] = {
        "evt.type": call,
        "proc.name": executable.rpartition("/")[2],
        "proc.exepath": executable,
        "proc.pexepath": parent,
        "container.id": f"{key_number(instance):012x}"[:12],
        "k8s.ns.name": "production",
        "k8s.pod.name": instance,
    }
    if remote is not None:
        fields |= {"fd.rip": remote[0], "fd.rport": remote[1], "fd.l4proto": "tcp"}
    rule = "Process started" if call == "execve" else "Outbound connection"
    event = {
        "rule": rule,
        "priority": "Informational",
        "source": SOURCE,
        "time": moment(at),
        "output_fields": fields,
    }
    return LogLine(at, service, "info", instance, json.dumps(event))
