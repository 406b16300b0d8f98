"""`python -m tests.bench.storm_acks [--size 50000]`: how long Slack waits for an ack while a storm comes in, by the double's clock.

Somebody types `/incident list` ten times a second from the first byte until the storm is told; also the calls to Slack and
the RQ jobs of the first minute, which must not grow with the storm. `jobs` are all jobs put on any queue, by function, as
Valkey itself heard them; `jobs_sum` leaves out those of the clock (watch, plan), which come without any storm, as
`calls_sum` leaves out what answers the typist.
"""

import argparse
import json
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
from redis import Redis
from redis.exceptions import RedisError

from tests.bench.storm_intake import watch
from tests.bench.storm_load import send, storm
from tests.bench.storm_meter import wait_quiet
from tests.bench.storm_tree import Product, running

EVERY_S = 0.1
MINUTE_S = 60.0
TO_THE_TYPIST = ("chat.postEphemeral", "users.info")
CLOCKWORK = ("bot.jobs.watch", "bot.jobs.plan")
INCIDENT = re.compile(r"INC-\d+")
MADE = re.compile(r"^h(?:m?)set rq:job:(\S+) ", re.IGNORECASE)
FUNCTION = re.compile(r"bot\.jobs\.\w+")
PUT = re.compile(r"^[lr]push rq:queue:\S+ (\S+)", re.IGNORECASE)
_ACT = {"type": "slash", "as": "oncall-1", "command": "/incident", "text": "list", "channel": "alerts"}


def main() -> int:
    """One storm of each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,10000,50000")
    given = parser.parse_args()
    for size in map(int, given.sizes.split(",")):
        print(json.dumps({"size": size, **_measured(size)}), flush=True)
    return 0


def _measured(size: int) -> Mapping[str, Any]:
    made = storm(size, 100)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        running(Path(folder), made.calls) as product,
    ):
        wait_quiet()
        before = product.slack_counts()
        acks: list[float] = []
        over = threading.Event()
        typist = threading.Thread(target=_type, args=(product, acks, over))
        with _jobs(product.layout.ports.valkey) as jobs, product.meter() as meter:
            typist.start()
            sent = send(
                product.layout.ports.web, "/alerts/alertmanager", product.layout.secrets.source, made.bodies
            )
            watch(product, made, sent)
            over.set()
            typist.join()
            time.sleep(max(0.0, sent.begun_at + MINUTE_S - time.time()))
        incidents = len({text for post in product.posts() for text in INCIDENT.findall(str(post["text"]))})
        calls = {name: count - before.get(name, 0) for name, count in product.slack_counts().items()}
    ordered = sorted(acks)
    return {
        "acks": len(acks),
        "ack_p50_ms": ordered[len(ordered) // 2],
        "ack_p99_ms": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
        "calls_first_minute": {name: count for name, count in calls.items() if count},
        "calls_sum": sum(count for name, count in calls.items() if name not in TO_THE_TYPIST),
        "incidents": incidents,
        "jobs": dict(jobs),
        "jobs_sum": sum(count for name, count in jobs.items() if name not in CLOCKWORK),
        "foreign_pct": round(meter.foreign_pct, 1),
    }


@contextmanager
def _jobs(port: int) -> Iterator[Counter[str]]:
    """Counts the jobs that are put on RQ's queues meanwhile, by function."""
    heard: Counter[str] = Counter()
    named: dict[str, str] = {}
    with closing(Redis(port=port)) as server, server.monitor() as monitor:  # type: ignore[no-untyped-call]  # redis leaves it untyped

        def hear() -> None:
            try:
                for line in monitor.listen():
                    command = str(line["command"])
                    if (made := MADE.search(command)) and (said := FUNCTION.search(command)):
                        named[made[1]] = said[0]
                    if put := PUT.match(command):
                        heard[named.get(put[1], put[1])] += 1
            except (RedisError, OSError, ValueError):
                return  # Closed, as it is at the end.

        thread = threading.Thread(target=hear, daemon=True)
        thread.start()
        yield heard


def _type(product: Product, acks: list[float], over: threading.Event) -> None:
    with httpx.Client(timeout=30, trust_env=False) as client:
        while not over.is_set() or len(acks) < 10:
            answer = client.post(f"{product.layout.page_url}_double/act", json=_ACT).json()
            acks.append(float(answer["ack_ms"]))
            over.wait(EVERY_S)


if __name__ == "__main__":
    sys.exit(main())
