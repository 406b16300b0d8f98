"""`python -m tests.bench.storm_intake --sizes N --batches B`: a storm through the product's real processes, timed from outside.

One JSON line for each size and batch. The last byte that counts is a Slack message whose own text shows the number
sent and the right cause; the same code, settings and durability as in production. Alerts of a service that nothing alerting
connects with the storm are an incident of their own, as in small storms; then the cards of all incidents must show the
number together, the largest the cause, and `counts` names what each shows.
"""

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.storm_load import Sent, Storm, send, storm
from tests.bench.storm_meter import peak_mb, wait_quiet
from tests.bench.storm_tree import Product, running

LIMIT_S = 240.0
POLL_S = 0.02
AFTER_S = 2.0
COUNTED = ("web", "correlator")
_COUNTED = re.compile(r"(?<!\d)(\d+) alerts?\*? from ")
_INCIDENT = re.compile(r"\bINC-\d+\b")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\u202f\u00a0,](?=\d{3})")


def main() -> int:
    """Measure every size with every batch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10000")
    parser.add_argument("--batches", default="100")
    parser.add_argument("--services", type=int, default=200)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="keep database and logs in this folder")
    given = parser.parse_args()
    for size in map(int, given.sizes.split(",")):
        for batch in map(int, given.batches.split(",")):
            made = storm(size, batch, services=given.services, seed=given.seed)
            row = measure(made, given.keep) if given.keep else measured(made)
            shape = {"n": size, "batch": batch, "services": given.services, "seed": given.seed}
            print(json.dumps({"contender": "watchkeeper", **shape, **row}), flush=True)
    return 0


def measured(made: Storm) -> dict[str, object]:
    """Measure in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="watchkeeper-bench-", ignore_cleanup_errors=True) as folder:
        return measure(made, Path(folder))


def measure(made: Storm, folder: Path) -> dict[str, object]:
    """Start everything, send the storm, wait for the message that tells it all, and two seconds more."""
    with running(folder, made.calls) as product:
        wait_quiet()
        with product.meter() as meter:
            sent = send(
                product.layout.ports.web, "/alerts/alertmanager", product.layout.secrets.source, made.bodies
            )
            seen = watch(product, made, sent)
            time.sleep(max(0.0, sent.begun_at + seen["t_all_s"] + AFTER_S - time.time()))
        memory = {name: peak_mb(pid) for name, pid in product.pids().items()}
        calls = product.slack_counts()
    latencies = sorted(sent.latencies)
    cpu = sum(meter.cpu.values())
    counted = sum(mb for name, mb in memory.items() if name in COUNTED)
    return {
        "accept_per_s": round(made.alerts / sent.seconds),
        "accept_s": round(sent.seconds, 4),
        "p50_ms": round(latencies[len(latencies) // 2] * 1e3, 2),
        "p99_ms": round(latencies[int(len(latencies) * 0.99)] * 1e3, 2),
        "statuses": {str(status): count for status, count in sorted(sent.statuses.items())},
        **{key: round(value, 4) if isinstance(value, float) else value for key, value in seen.items()},
        "cpu_us_per_alert": round(cpu / made.alerts * 1e6, 2),
        "cpu_s": {name: round(seconds, 2) for name, seconds in meter.cpu.items()},
        "hwm_mb": round(counted, 1),
        "mb": {name: round(mb) for name, mb in memory.items()},
        "rest_mb": round(sum(memory.values()) - counted, 1),
        "slack_calls": calls,
        "foreign_pct": round(meter.foreign_pct, 1),
    }


def watch(product: Product, made: Storm, sent: Sent) -> dict[str, Any]:
    """When the first message stood in Slack, and when one told the number and the cause; seconds from the first byte."""
    first: float | None = None
    limit = time.time() + LIMIT_S
    while time.time() < limit:
        posts = product.posts()
        if posts and first is None:
            first = min(float(post["posted_at"]) for post in posts) - sent.begun_at
        told_at, counts = told(posts, made)
        if told_at:
            return {
                "t_first_message_s": first,
                "t_all_s": told_at - sent.begun_at,
                "messages": len(posts),
                "counts": counts,
                "cause": made.root,
            }
        time.sleep(POLL_S)
    message = f"no message told {made.alerts} alerts and {made.root}: {[text_of(post)[:600] for post in product.posts()]}"
    raise RuntimeError(message)


def _stood_at(post: Mapping[str, Any]) -> float:
    return float(post["edited_at"] or post["posted_at"])


def told(posts: Sequence[Mapping[str, Any]], made: Storm) -> tuple[float, list[int]]:
    """When everything was told, in unix seconds by Slack's clock, and what each incident's message shows; 0 while it is not."""
    whole = [_stood_at(post) for post in posts if tells(post, made)]
    if whole:
        return min(whole), [made.alerts]
    shown: dict[str, tuple[int, float, str]] = {}
    for post in posts:
        text = _BETWEEN_DIGITS.sub("", text_of(post))
        counted, about = _COUNTED.search(text), _INCIDENT.search(text)
        if counted and about:
            one = int(counted[1]), _stood_at(post), _candidate(text)
            shown[about[0]] = max(one, shown.get(about[0], one))
    ordered = sorted(shown.values(), reverse=True)
    if sum(count for count, _, _ in ordered) != made.alerts or ordered[0][2] != made.root:
        return 0.0, []
    return max(at for _, at, _ in ordered), [count for count, _, _ in ordered]


def tells(post: Mapping[str, Any], made: Storm) -> bool:
    """Whether the message's own text shows how many alerts were sent and which service is the cause."""
    text = text_of(post)
    number = re.search(rf"(?<!\d){made.alerts}(?!\d)", _BETWEEN_DIGITS.sub("", text))
    return bool(number) and _candidate(text) == made.root


def _candidate(text: str) -> str:
    """The service that a message names as the cause, or none."""
    found = re.search(r"(?:candidate:\*?|guess so far:|cause[^`\n]*?) *`?(svc-\d+)", text)
    return found[1] if found else ""


def text_of(post: Mapping[str, Any]) -> str:
    """Everything that the message itself shows: its fallback text and the text of its blocks."""
    return "\n".join([str(post["text"]), *_texts(post.get("blocks") or [])])


def _texts(node: Any) -> list[str]:
    if isinstance(node, Mapping):
        own = [str(node["text"])] if isinstance(node.get("text"), str) else []
        return own + [text for value in node.values() if not isinstance(value, str) for text in _texts(value)]
    if isinstance(node, list):
        return [text for part in node for text in _texts(part)]
    return []


if __name__ == "__main__":
    sys.exit(main())
