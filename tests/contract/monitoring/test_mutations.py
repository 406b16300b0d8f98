"""Every fixture with a value changed to something that it should not be: refused with a sentence, or read; never an error."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from bot.domain.errors import Permanent
from tests.contract.monitoring.fixtures import AT, Case, cases, kinds, parser

EACH = 15
ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    10**30,
    1.5,
    -1e308,
    "",
    " ",
    "x" * 20_000,
    "a\x00b",
    "2026-13-45T99:99:99Z",
    "9" * 400,
    "NaN",
    "inf",
    "0001-01-01T00:00:00Z",
    "<!channel> <http://evil.example|click>",
    "\U0001f600",
    [],
    {},
    [None],
    [[[[["x"]]]]],
    {"": ""},
    {"a": {"b": {"c": {"d": {"e": 1}}}}},
    [1, "x", None, {"name": 3}],
    ["service:checkout", "x"],
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a body, the body itself included."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def changed(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with one place changed."""
    copy = json.loads(json.dumps(body))
    if not path:
        return value
    at = copy
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return copy


def mutations(case: Case, seeded: random.Random) -> Iterator[Any]:
    """Each place once without its value, and EACH with odd ones."""
    every = list(places(case.body))
    for _ in range(EACH):
        yield changed(case.body, seeded.choice(every), seeded.choice(ODD))
    for path in every[1:]:
        copy = json.loads(json.dumps(case.body))
        at = copy
        for step in path[:-1]:
            at = at[step]
        del at[path[-1]]
        yield copy


@pytest.mark.parametrize("kind", kinds())
def test_a_changed_body_is_read_or_refused(kind: str) -> None:
    seeded = random.Random(kind)
    read = refused = 0
    for case in (one for one in cases() if one.kind == kind):
        for body in mutations(case, seeded):
            try:
                found = parser(kind).parse(json.dumps(body).encode(), source=f"the {kind}", received_at=AT)
            except Permanent:
                refused += 1
                continue
            read += 1
            for alert in found.alerts:
                assert len(alert.fingerprint) == 16
                assert len(alert.name) <= 500
            for change in found.changes:
                assert change.at > 0
    assert read
    assert refused
