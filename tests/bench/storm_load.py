"""A storm with a known cause in the shape that every published figure uses, and a raw closed-loop HTTP sender.

Nine labels and three annotations an alert, about 600 bytes; a root service fails and its callers alert after it.
"""

import itertools
import json
import random
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

KINDS = (
    "HighErrorRate",
    "HighLatencyP99",
    "PodCrashLooping",
    "DBConnectionsExhausted",
    "QueueBacklog",
    "CPUThrottling",
    "ProbeFailed",
    "SLOBurnRateFast",
)
SEVERITIES = ("critical", "warning", "warning", "info")
CONNECTIONS = 8
HOP_S, JITTER_S = 3.0, 2.0


@dataclass(frozen=True, slots=True)
class Storm:
    """Bodies ready to send, the graph they come from, and the service that failed first."""

    bodies: tuple[bytes, ...]
    calls: Mapping[str, tuple[str, ...]]
    root: str
    alerts: int


@dataclass(frozen=True, slots=True)
class Sent:
    """What the sender saw: seconds for all, each latency, how many answers of each status, and when it began (unix)."""

    seconds: float
    latencies: tuple[float, ...]
    statuses: Mapping[int, int]
    begun_at: float


def topology(services: int, seed: int) -> dict[str, tuple[str, ...]]:
    """A layered graph: each service calls one to three of the layer below."""
    drawn = random.Random(seed)
    names = [f"svc-{i:05d}" for i in range(services)]
    layers = max(3, min(8, services // 10 or 3))
    per = max(1, services // layers)
    calls: dict[str, tuple[str, ...]] = {}
    for i, name in enumerate(names):
        low = (i // per - 1) * per
        pool = names[max(0, low) : low + per] if low >= 0 else []
        calls[name] = tuple(drawn.sample(pool, min(len(pool), drawn.randint(1, 3)))) if pool else ()
    return calls


def _hops(root: str, callers: Mapping[str, Sequence[str]]) -> dict[str, int]:
    hops, edge = {root: 0}, [root]
    while edge:
        found = [(caller, hops[name] + 1) for name in edge for caller in callers[name]]
        edge = []
        for caller, hop in found:
            if caller not in hops:
                hops[caller] = hop
                edge.append(caller)
    return hops


def _both_ways(calls: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    beside: dict[str, list[str]] = {name: list(callees) for name, callees in calls.items()}
    for caller, callees in calls.items():
        for callee in callees:
            beside[callee].append(caller)
    return beside


def _root(calls: Mapping[str, Sequence[str]], drawn: random.Random) -> dict[str, int]:
    """The distance of every service that a fitting root reaches; the root is the one at 0."""
    callers: dict[str, list[str]] = {name: [] for name in calls}
    for caller, callees in calls.items():
        for callee in callees:
            callers[callee].append(caller)
    best: dict[str, int] = {}
    for name in drawn.sample(list(calls), min(40, len(calls))):
        hops = _hops(name, callers)
        if len(hops) > len(best):
            best = hops
        if 8 <= len(hops) <= max(20, len(calls) // 3):
            return hops
    return best


def storm(
    alerts: int, batch: int, *, services: int = 200, seed: int = 3, noise: float = 0.1, silent: float = 0.2
) -> Storm:
    """`alerts` unique alerts of a cascade, shuffled.

    `noise` of them come from services that the graph connects with the cascade but that it does not reach, and
    `silent` of the affected services say nothing.
    """
    drawn = random.Random(seed)
    calls = topology(services, seed)
    hops = _root(calls, drawn)
    root = next(name for name, hop in hops.items() if hop == 0)
    alive = [name for name in hops if name == root or drawn.random() > silent]
    near = _hops(root, _both_ways(calls))
    others = [name for name in near if name not in hops] or list(near)
    begun = time.time()
    made = []
    for i in range(alerts):
        service = drawn.choice(others) if drawn.random() < noise else alive[i % len(alive)]
        hop = hops.get(service, drawn.random() * 2)
        made.append(_alert(i, service, begun + hop * HOP_S + drawn.random() * JITTER_S, drawn))
    drawn.shuffle(made)
    bodies = tuple(_body(made[at : at + batch]) for at in range(0, alerts, batch))
    return Storm(bodies, calls, root, alerts)


def _alert(i: int, service: str, starts_at: float, drawn: random.Random) -> dict[str, object]:
    kind = drawn.choice(KINDS)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(starts_at)) + f".{int(starts_at % 1 * 1000):03d}Z"
    number = drawn.random() * 100
    return {
        "status": "firing",
        "labels": {
            "alertname": kind,
            "service": service,
            "namespace": f"ns-{i % 7}",
            "cluster": "prod-eu-1",
            "pod": f"{service}-{drawn.getrandbits(36):09x}-{i:06x}",
            "instance": f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}:9100",
            "severity": drawn.choice(SEVERITIES),
            "team": f"team-{i % 11}",
            "job": "kubernetes-pods",
        },
        "annotations": {
            "summary": f"{kind} on {service} in prod-eu-1",
            "description": f"{kind} has been firing for more than 2 minutes on {service}; current value is {number:.3f}",
            "runbook_url": f"http://runbooks.local/{kind}",
        },
        "startsAt": moment,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": f"http://prometheus.local/graph?g0.expr={kind}&i={i}",
        "fingerprint": f"{drawn.getrandbits(64):016x}",
    }


def _body(alerts: Sequence[Mapping[str, object]]) -> bytes:
    head = {
        "version": "4",
        "groupKey": "{}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "bot",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.local",
    }
    return json.dumps({**head, "alerts": list(alerts)}).encode()


def send(port: int, path: str, token: str, bodies: Sequence[bytes]) -> Sent:
    """Send every body over CONNECTIONS kept connections; each waits for its answer before it sends the next.

    A 503 is repeated until it is taken, as a monitoring system would do, and is counted.
    """
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}\r\n"
    requests = [f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies]
    return blast(port, requests)


def blast(port: int, requests: Sequence[bytes]) -> Sent:
    """Send whole requests, CONNECTIONS at a time; each connection waits for its answer before it sends the next."""
    latencies = [0.0] * len(requests)
    numbers: Iterator[int] = iter(range(len(requests)))
    statuses: dict[int, int] = {}
    lock = threading.Lock()

    def work() -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=120) as stream:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                begun = time.perf_counter()
                for _ in itertools.count():
                    stream.sendall(requests[number])
                    status = _status(stream)
                    with lock:
                        statuses[status] = statuses.get(status, 0) + 1
                    if status != 503:
                        break
                    time.sleep(0.05)
                latencies[number] = time.perf_counter() - begun

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    begun_at, begun = time.time(), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Sent(time.perf_counter() - begun, tuple(latencies), statuses, begun_at)


def _status(stream: socket.socket) -> int:
    read = b""
    while b"\r\n\r\n" not in read:
        read += _more(stream)
    head, _, rest = read.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    while len(rest) < length:
        rest += _more(stream)
    return int(head[9:12])


def _more(stream: socket.socket) -> bytes:
    data = stream.recv(65536)
    if not data:
        message = "the server closed the connection"
        raise ConnectionError(message)
    return data
