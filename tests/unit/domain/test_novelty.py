"""Log novelty: templates hide what varies; only what was not written before is new."""

import pytest

from bot.domain.diagnosis.novelty import novelties
from bot.domain.telemetry import LogLine

WERE_AND_ARE = [
    ("took 31 ms for user 7", "took 812 ms for user 90211"),
    ("2026-01-02T03:04:05Z started", "2026-02-03T04:05:06.123+00:00 started"),
    ("from 10.0.0.1:8080", "from 192.168.77.2:9"),
    ("request=7feaeec7 done", "request=00a1b2c3 done"),
    ("id 123e4567-e89b-12d3-a456-426614174000", "id 00000000-e89b-12d3-a456-426614174999"),
    ("pod web-7f9c-x2x1 ready", "pod web-1a2b-y3y4 ready"),
]


@pytest.mark.parametrize(("was", "now"), WERE_AND_ARE)
def test_a_line_with_other_values_is_not_new(was: str, now: str):
    assert novelties([LogLine("a", 1.0, was), LogLine("a", 300.0, now)], onset_at=200.0) == {}


def test_a_word_at_a_place_where_many_words_came_before_is_not_new():
    old = [
        LogLine("a", float(n), f"user {name} signed in")
        for n, name in enumerate(("ann", "bo", "cy", "di", "ed"))
    ]
    assert novelties([*old, LogLine("a", 300.0, "user flo signed in")], onset_at=200.0) == {}


def test_a_line_with_another_word_is_new():
    lines = [LogLine("a", 1.0, "connection opened"), LogLine("a", 300.0, "connection refused")]
    assert novelties(lines, onset_at=200.0)["a"].template == "connection refused"


def test_only_new_templates_count():
    old = [LogLine("a", float(n), f"served {n}") for n in range(100)]
    new = [LogLine("a", 200.0 + n, f"fatal: cannot decode {n}") for n in range(10)]
    still = [LogLine("a", 200.0 + n, f"served {n}") for n in range(10)]
    found = novelties([*old, *new, *still], onset_at=200.0)["a"]
    assert (found.lines, found.template) == (10, "fatal: cannot decode <*>")
    assert found.strength > 0.6
    assert novelties([*old, *still], onset_at=200.0) == {}


def test_without_earlier_lines_nothing_is_new():
    assert novelties([LogLine("a", 300.0, "panic")], onset_at=200.0) == {}


def test_lines_that_sound_like_trouble_weigh_more():
    def strength(text: str) -> float:
        lines = [LogLine("a", 1.0, "served"), *(LogLine("a", 300.0 + n, f"{text} {n}") for n in range(5))]
        return novelties(lines, onset_at=200.0)["a"].strength

    assert strength("timeout while waiting") > strength("campaign page shown")


def test_a_hostile_line_costs_little():
    lines = [LogLine("a", 1.0, "x"), LogLine("a", 300.0, "a-" * 200_000), LogLine("a", 300.0, "'" * 100_000)]
    assert novelties(lines, onset_at=200.0)["a"].lines == 2
