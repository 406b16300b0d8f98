"""Telemetry while one answer in seven is an error, no JSON, cut off or nothing: what is read is true or said to be missing.

A source never raises for one answer, never takes a part for the whole without saying so, and never mixes answers up.
"""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from bot.adapters.evidence.falco import FalcoEvents
from bot.adapters.evidence.loki import LokiLogs
from bot.adapters.evidence.prometheus import PrometheusMetrics
from bot.domain.telemetry import Readings
from tests.contract.evidence.endpoint import Endpoint, Reply
from tests.contract.evidence.test_http_sources import QUERIES, answered, falco, row, streamed, streams
from tests.faults.faulty import Dice

SERVICES = ("a", "b", "c")
TIMES = 25
Collect = Callable[[str], Readings]


def metrics(given: dict[str, str]) -> tuple[int, bytes]:
    rank = 1 + list(QUERIES.values()).index(given["query"])
    return 200, answered([row(service, str(rank), str(rank)) for service in SERVICES])


def logs(given: dict[str, str]) -> tuple[int, bytes]:
    return 200, streams((float(given["start"]) / 1e9 + 1, f"line of {given['query']}"))


def behaviour(given: dict[str, str]) -> tuple[int, bytes]:
    return 200, streamed((50, falco("execve", proc_exepath=f"/bin/{len(given['query'])}", proc_pname="x")))


SOURCES: dict[str, tuple[Reply, Callable[[str], Any]]] = {
    "prometheus": (metrics, lambda url: PrometheusMetrics(url, QUERIES, timeout_s=5)),
    "loki": (logs, lambda url: LokiLogs(url, timeout_s=5)),
    "falco": (behaviour, lambda url: FalcoEvents(url, 'source="syscall"', timeout_s=5)),
}


def lossy(reply: Reply, dice: Dice) -> Reply:
    """Answers of which one in seven is none; the lengths of those that break off are true, their JSON is not."""

    def told(given: dict[str, str]) -> tuple[int, bytes]:
        status, body = reply(given)
        if not dice.fails():
            return status, body
        return dice.seeded.choice(
            [
                (500, b"oops"),
                (429, b"later"),
                (503, b""),
                (200, body[: len(body) // 2]),
                (200, b"<html>"),
                (200, b""),
            ]
        )

    return told


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_read_is_true_or_said_to_be_missing(endpoint: Endpoint, name: str) -> None:
    reply, build = SOURCES[name]
    endpoint.reply = reply
    source = build(endpoint.url)
    whole = parts(source.collect(SERVICES, start=0, end=2400))
    dice = Dice(random.Random(4), 0.15)
    endpoint.reply = lossy(reply, dice)
    complete = 0
    for _ in range(TIMES):
        found = source.collect(SERVICES, start=0, end=2400)
        assert parts(found) <= whole, "something was read that nobody said"
        assert found.missing or parts(found) == whole, "a part passed for the whole"
        complete += not found.missing
    assert dice.failed > 1
    assert complete < TIMES, "trouble was not told"


def parts(found: Readings) -> set[str]:
    """Every single thing that was read, as text."""
    series = [json.dumps([one.service, one.signal.value, one.times, one.values]) for one in found.series]
    return {*series, *map(repr, found.logs), *map(repr, found.behaviours)}
