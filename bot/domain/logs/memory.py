"""What is known of one service's logs: templates and their order, query shapes, sessions and behaviours.

Kept between looks as JSON (redacted before it comes here, sealed by the store), bounded in every part.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from bot.domain.logs.order import Order

VERSION = 2
MOST_THINGS = 400  # Templates, and as many query shapes; the ones longest unseen go first.
MOST_TIMES = 60  # Newest times that are kept of each.
MOST_SESSIONS = 200
MOST_BEHAVIOURS = 400


@dataclass(slots=True)
class Thing:
    """A template or a query shape: how often it was seen, first and newest times in unix seconds."""

    count: int = 0
    first_at: float = 0.0
    times: list[float] = field(default_factory=list)

    def see(self, at: float) -> None:
        """Count one line."""
        self.first_at = min(self.first_at, at) if self.count else at
        self.count += 1
        self.times.append(at)
        if len(self.times) > MOST_TIMES:
            self.times = sorted(self.times)[-MOST_TIMES:]

    def take(self, other: "Thing") -> None:
        """Become one with another one."""
        self.first_at = min(self.first_at, other.first_at) if self.count else other.first_at
        self.count += other.count
        self.times = sorted([*self.times, *other.times])[-MOST_TIMES:]

    def since(self, at: float) -> int:
        """Lines since then, as far as their times are kept."""
        return sum(time >= at for time in self.times)


def session_of(events: Iterable[str]) -> str:
    """The kind of a session: its templates, in no order."""
    return "\n".join(sorted(events))


@dataclass(slots=True)
class Memory:
    """One service. Read from `since` until `until`; an incident covered it last at `covered_at`. Unix seconds."""

    since: float = 0.0
    until: float = 0.0
    covered_at: float = 0.0
    templates: dict[str, Thing] = field(default_factory=dict)
    queries: dict[str, Thing] = field(default_factory=dict)
    sessions: dict[str, int] = field(default_factory=dict)
    judged: float = 0.0  # Requests that were compared with those before them, of which `odd` were like none.
    odd: float = 0.0
    order: Order = field(default_factory=Order)
    behaviours: list[list[str]] = field(default_factory=list)

    @property
    def lines(self) -> int:
        """How many lines were seen in all."""
        return sum(thing.count for thing in self.templates.values())

    def renamed(self, names: Mapping[str, str]) -> None:
        """Templates became others, or one with others: in what requests and order are made of as well."""
        changed = {old: new for old, new in names.items() if old != new}
        if not changed:
            return
        self.order.renamed(changed)
        sessions: dict[str, int] = {}
        for kind, times in self.sessions.items():
            name = session_of(changed.get(event, event) for event in kind.split("\n"))
            sessions[name] = sessions.get(name, 0) + times
        self.sessions = sessions

    def bound(self) -> None:
        """Forget what is beyond the bounds."""
        for things in (self.templates, self.queries):
            if len(things) > MOST_THINGS:
                oldest = sorted(things, key=lambda text: (max(things[text].times, default=0.0), text))
                for text in oldest[: len(things) - MOST_THINGS]:
                    del things[text]
        if len(self.sessions) > MOST_SESSIONS:
            kept = sorted(self.sessions.items(), key=lambda item: (-item[1], item[0]))[:MOST_SESSIONS]
            self.sessions = dict(kept)
        self.order.keep(self.templates)
        del self.behaviours[:-MOST_BEHAVIOURS]

    def dump(self) -> bytes:
        """As bytes; the templates of sessions by their numbers."""
        events: dict[str, int] = {}
        sessions = [
            (times, [events.setdefault(event, len(events)) for event in kind.split("\n")])
            for kind, times in self.sessions.items()
        ]
        return json.dumps(
            {
                "version": VERSION,
                "since": self.since,
                "until": self.until,
                "covered_at": self.covered_at,
                "templates": _dumped(self.templates),
                "queries": _dumped(self.queries),
                "events": list(events),
                "sessions": [[times, *numbers] for times, numbers in sessions],
                "judged": self.judged,
                "odd": self.odd,
                "order": self.order.dump(),
                "behaviours": self.behaviours,
            }
        ).encode()

    @classmethod
    def load(cls, body: bytes) -> Self:
        """From bytes; what another version wrote is forgotten, since it is learned again in minutes."""
        given: dict[str, Any] = json.loads(body)
        if given.get("version") != VERSION:
            return cls()
        return cls(
            float(given["since"]),
            float(given["until"]),
            float(given["covered_at"]),
            _loaded(given["templates"]),
            _loaded(given["queries"]),
            {session_of(given["events"][one] for one in kind): times for times, *kind in given["sessions"]},
            float(given["judged"]),
            float(given["odd"]),
            Order.load(given["order"]),
            [list(one) for one in given["behaviours"]],
        )


def _dumped(things: dict[str, Thing]) -> dict[str, list[Any]]:
    return {
        text: [thing.count, thing.first_at, [round(at, 1) for at in thing.times]]
        for text, thing in things.items()
    }


def _loaded(given: dict[str, list[Any]]) -> dict[str, Thing]:
    return {
        text: Thing(int(count), float(first), list(times)) for text, (count, first, times) in given.items()
    }
