"""One database as the rules see it: courses of its own metrics, events about it, shares of what its sessions do.

A metric that belongs to another instance is evidence about that instance and never about this one.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from bot.domain.databases import Database, DatabaseEvent, DatabaseMetric, Statement
from bot.domain.diagnosis.docket import clock
from bot.domain.diagnosis.managed.course import Course, courses_of
from bot.domain.diagnosis.managed.verdict import Fact
from bot.domain.evidence import EvidenceKind, EvidenceRole
from bot.domain.instance_class import Size, size_of, usual_ceiling

_OF_CEILING = (
    re.compile(
        r"\b([\d,]{2,9}) (?:connections? |sessions? |clients? )?(?:of|out of|/) ?(?:a |the )?(?:maximum (?:of )?)?([\d,]{2,9})\b"
    ),
    re.compile(r"\bmax(?:imum|_connections)?\b\D{0,24}?()([\d,]{2,9})\b"),
)
_WRITES = re.compile(
    r"^\W*(?:with\b.*?\)\s*)?(?:begin;\s*)?(update|insert|delete|merge|copy|vacuum|create|alter|reindex|truncate)\b",
    re.IGNORECASE | re.DOTALL,
)

GUESSED = "the default of its class"


@dataclass(frozen=True)
class View:
    """Readings of one database with the questions that rules ask of them."""

    database: Database
    claims: tuple[str, ...] = ()

    @property
    def instance(self) -> str:
        """Its name in the control plane."""
        return self.database.instance

    @cached_property
    def size(self) -> Size | None:
        """Processors and memory of its class."""
        return size_of(self.database.instance_class)

    @cached_property
    def _own(self) -> dict[DatabaseMetric, Course]:
        found: dict[DatabaseMetric, Course] = {}
        for course in courses_of(self.database.series):
            if course.instance == self.instance:
                found.setdefault(course.metric, course)
        return found

    def of(self, metric: DatabaseMetric) -> Course | None:
        """The course of its own metric."""
        return self._own.get(metric)

    @cached_property
    def measured(self) -> frozenset[DatabaseMetric]:
        """Which of its own metrics were read."""
        return frozenset(self._own)

    @cached_property
    def lag(self) -> Course | None:
        """The course of the replica that is farthest behind."""
        names = {self.instance, *self.database.replicas}
        lags = [
            course
            for course in courses_of(self.database.series)
            if course.metric is DatabaseMetric.REPLICA_LAG and course.instance in names
        ]
        return max(lags, key=lambda course: (course.now, course.instance), default=None)

    @cached_property
    def ceiling(self) -> tuple[int, str] | None:
        """How many sessions it admits, and who says so: its settings, its own events, or its class."""
        if self.database.max_connections:
            return self.database.max_connections, "its settings"
        told = [most for event in self.database.events for most in _ceilings(event.text)]
        if told:
            return max(told), "its events"
        usual = usual_ceiling(self.database.engine, self.database.instance_class)
        return (usual, GUESSED) if usual else None

    def events(self, pattern: str, *, about: tuple[str, ...] = ()) -> tuple[DatabaseEvent, ...]:
        """Events about it, or about `about`, whose text or category matches, oldest first."""
        names = {self.instance, *about}
        expression = re.compile(pattern, re.IGNORECASE)
        found = [
            event
            for event in self.database.events
            if (not event.instance or event.instance in names)
            and expression.search(" ".join((event.text, *event.categories)))
        ]
        return tuple(sorted(found, key=lambda event: event.at))

    def wait_share(self, pattern: str) -> float:
        """Share of the sessions' load that waits for what matches."""
        total = sum(wait.load for wait in self.database.waits)
        expression = re.compile(pattern, re.IGNORECASE)
        matching = sum(wait.load for wait in self.database.waits if expression.search(wait.name))
        return matching / total if total > 0 else 0.0

    @cached_property
    def busiest(self) -> tuple[Statement, float] | None:
        """The statement with the most load and its share of what the list holds."""
        total = sum(one.load for one in self.database.statements)
        if total <= 0:
            return None
        top = max(self.database.statements, key=lambda one: one.load)
        return top, top.load / total

    def driving(self, *, writes: bool) -> tuple[Statement, float] | None:
        """The heaviest statement that writes, or that only reads, and its share."""
        total = sum(one.load for one in self.database.statements)
        kind = [one for one in self.database.statements if is_write(one) is writes]
        if total <= 0 or not kind:
            return None
        top = max(kind, key=lambda one: one.load)
        return top, top.load / total

    @cached_property
    def window(self) -> tuple[float, float]:
        """From the first reading to the last, in unix seconds; zeros without any."""
        times = [at for one in self.database.series for at in (*one.times[:1], *one.times[-1:])]
        return (min(times), max(times)) if times else (0.0, 0.0)


def is_write(statement: Statement) -> bool:
    """Whether a statement changes rows or structure."""
    return _WRITES.search(statement.text) is not None


def moved(course: Course, text: str, role: EvidenceRole = EvidenceRole.CAUSE) -> Fact:
    """A fact about a metric."""
    key = f"db metric {course.instance} {course.metric.value}"
    return Fact(key, EvidenceKind.METRIC, role, text, course.onset(), "database metrics")


def recorded(event: DatabaseEvent, role: EvidenceRole = EvidenceRole.CAUSE) -> Fact:
    """A fact about what the control plane recorded."""
    text = f"the control plane recorded at {clock(event.at)} for {event.instance or 'the database'}"
    key = f"db event {event.instance} {event.at} {event.text}"
    return Fact(key, EvidenceKind.CHANGE, role, text, event.at, "database events", event.text)


def ran(view: View, statement: Statement, share: float, role: EvidenceRole = EvidenceRole.CAUSE) -> Fact:
    """A fact about a statement: Performance Insights' share of the load, and what it waits for."""
    waits = ", ".join(wait.name for wait in sorted(statement.waits, key=lambda one: -one.load)[:2])
    waiting = f", mostly on {waits}" if waits else ""
    text = f"Performance Insights: one statement brings {share * 100:.0f} % of the load of {view.instance}{waiting}"
    key = f"db statement {view.instance} {statement.text}"
    return Fact(key, EvidenceKind.METRIC, role, text, view.window[1], "performance insights", statement.text)


def waited(view: View, pattern: str, words: str, role: EvidenceRole = EvidenceRole.CAUSE) -> Fact:
    """A fact about what sessions wait for."""
    share = view.wait_share(pattern) * 100
    text = f"Performance Insights: {share:.0f} % of the load of {view.instance} is {words}"
    key = f"db waits {view.instance} {pattern}"
    return Fact(key, EvidenceKind.METRIC, role, text, view.window[1], "performance insights")


def _ceilings(text: str) -> list[int]:
    if not re.search(r"connection|session|client", text, re.IGNORECASE):
        return []
    found = [match.group(2) for expression in _OF_CEILING for match in expression.finditer(text)]
    return [int(figure.replace(",", "")) for figure in found if int(figure.replace(",", "") or 0) > 0]
