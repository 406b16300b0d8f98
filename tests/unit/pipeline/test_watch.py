"""A look: what it reads, remembers and writes, when it keeps silent, and how a warning becomes an incident and ends."""

import itertools
from collections.abc import Sequence

import pytest

from bot.adapters.monitoring.alertmanager import Alertmanager
from bot.adapters.monitoring.generic import Generic
from bot.adapters.store.sql import SqlStore
from bot.domain.incident import IncidentState
from bot.domain.logs.memory import Memory
from bot.domain.records import StoredAlert
from bot.domain.telemetry import LogLine, MetricSeries, Readings, Signal
from bot.domain.topology import Topology
from bot.domain.watch.warning import SOURCE
from bot.pipeline.correlate import Correlation, correlate
from bot.pipeline.watch import CALM_S, Watch, Watched, watch
from bot.ports import AlertParser
from tests.unit.pipeline.test_correlate import FixedClock, FixedTopology, alert, post

NOW = 1_800_000_000.0
GRAPH = Topology({"web": ("shop",), "shop": ("db",)}, {"db": "database"}, NOW)
FLOOD = "slow query: select * from items where payload like '%{n}%'"


class Recorded:
    """An evidence source over what a test wrote down."""

    name = "recorded"

    def __init__(self) -> None:
        self.series: list[MetricSeries] = []
        self.logs: list[LogLine] = []
        self.asked: list[tuple[str, ...]] = []

    def collect(self, services: Sequence[str], *, start: float, end: float) -> Readings:
        self.asked.append(tuple(services))
        logs = tuple(line for line in self.logs if start <= line.at <= end and line.service in services)
        return Readings(series=tuple(self.series), logs=logs)


class Scene:
    """A store, a clock and what can be read; trouble begins 90 s before NOW where it is wanted."""

    def __init__(self, store: SqlStore) -> None:
        self.store, self.clock, self.read = store, FixedClock(NOW), Recorded()
        ids = itertools.count(1)
        parsers: dict[str, AlertParser] = {"generic": Generic(), "alertmanager": Alertmanager()}
        self.correlation = Correlation(
            store=store, parsers=parsers, topology=FixedTopology(GRAPH), clock=self.clock, holder="one",
            new_id=lambda: f"incident-{next(ids)}", observe_only=False,
        )  # fmt: skip
        self.read.logs = [
            LogLine("db", NOW - 2400 + 5 * i, f"checkpoint {i} took {i} ms") for i in range(600)
        ]

    def trouble(self, since: float = NOW - 90) -> None:
        self.read.logs += [LogLine("db", since + 5 * i, FLOOD.format(n=i)) for i in range(60)]
        times = tuple(NOW - 2400 + 10.0 * i for i in range(260))
        values = tuple(400.0 if at >= since else 100.0 + i % 7 for i, at in enumerate(times))
        self.read.series = [
            MetricSeries("db", Signal.QUERY_RATE, times[:240], values[:240]),
        ]

    def look(self) -> tuple[Watched, int]:
        parts = Watch(self.store, [self.read], [self.read], FixedTopology(GRAPH), self.clock, "me")
        outcome = watch(parts)
        return outcome.reason, len(outcome.tasks)

    def fold(self) -> None:
        correlate(self.correlation)

    def open_services(self) -> list[tuple[str, ...]]:
        return [row.services for row in self.store.read(lambda tx: tx.open_incidents())]


@pytest.fixture
def scene(store: SqlStore) -> Scene:
    return Scene(store)


def test_a_calm_system_is_quiet_and_is_remembered(scene: Scene) -> None:
    assert scene.look() == (Watched.QUIET, 0)
    assert set(scene.store.read(lambda tx: tx.baselines(["db", "shop", "web"]))) == {"db", "shop", "web"}


def test_trouble_opens_an_incident_with_no_alert(scene: Scene) -> None:
    scene.trouble()
    assert scene.look() == (Watched.WARNED, 0)
    scene.fold()
    assert scene.open_services() == [("db",)]
    [incident] = scene.store.read(lambda tx: tx.open_incidents())
    [told] = scene.store.read(lambda tx: tx.incident_alerts(incident.id, limit=9))
    assert told.source == SOURCE
    assert "never" in told.summary
    assert told.labels["seen_1"].startswith("s")


def test_it_says_it_once(scene: Scene) -> None:
    scene.trouble()
    scene.look()
    assert scene.look()[0] is Watched.BUSY
    scene.fold()
    assert scene.look()[0] is Watched.QUIET
    assert len(scene.open_services()) == 1


def test_alerts_that_wait_come_first(scene: Scene) -> None:
    scene.trouble()
    post(scene.store, [alert("db")])
    assert scene.look()[0] is Watched.BUSY


def test_an_open_incident_near_by_keeps_it_silent_and_its_past_is_no_news(scene: Scene) -> None:
    scene.trouble()
    post(scene.store, [alert("web")])
    scene.fold()
    assert scene.look()[0] is Watched.QUIET
    assert len(scene.open_services()) == 1


def test_what_was_open_between_two_looks_is_not_opened_again(scene: Scene) -> None:
    scene.trouble()
    post(scene.store, [alert("web")])
    scene.fold()
    [incident] = scene.store.read(lambda tx: tx.open_incidents())
    scene.store.transact(lambda tx: tx.set_state(incident.id, IncidentState.RESOLVED))
    assert scene.look() == (Watched.QUIET, 0)
    assert scene.open_services() == []


def test_what_a_person_resolved_is_not_opened_again(scene: Scene) -> None:
    scene.trouble()
    post(scene.store, [alert("web")])
    scene.fold()
    scene.look()
    [incident] = scene.store.read(lambda tx: tx.open_incidents())
    scene.store.transact(lambda tx: tx.set_state(incident.id, IncidentState.RESOLVED))
    scene.store.transact(lambda tx: tx.save_baseline("db", Memory().dump(), at=NOW))
    assert scene.look()[0] is Watched.QUIET
    assert scene.open_services() == []


def test_alerts_take_over_and_it_is_investigated_again(scene: Scene) -> None:
    scene.trouble()
    scene.look()
    scene.fold()
    post(scene.store, [alert("shop"), alert("web")])
    scene.fold()
    assert len(scene.open_services()) == 1
    assert scene.look() == (Watched.QUIET, 1)
    scene.fold()
    [incident] = scene.store.read(lambda tx: tx.open_incidents())
    told = scene.store.read(lambda tx: tx.incident_alerts(incident.id, limit=9))
    assert {one.status.value for one in told if one.source == SOURCE} == {"resolved"}
    assert scene.look() == (Watched.QUIET, 0)


def test_a_warning_behind_a_storm_of_alerts_ends_too(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.pipeline.watch.MOST_ALERTS", 2)
    scene.trouble()
    scene.look()
    scene.fold()
    [incident] = scene.store.read(lambda tx: tx.open_incidents())
    [told] = scene.store.read(lambda tx: tx.incident_alerts(incident.id, limit=9))
    earlier = [
        StoredAlert(
            told._replace(fingerprint=f"f{n}", source="prod", starts_at=NOW - 900), incident.id, "new", 1, 0
        )
        for n in range(4)
    ]
    scene.store.transact(lambda tx: tx.save_alerts(earlier))
    assert scene.look() == (Watched.QUIET, 1)
    scene.fold()
    ours = scene.store.read(lambda tx: tx.incident_alerts(incident.id, limit=9, source=SOURCE))
    assert [one.status.value for one in ours] == ["resolved"]


def test_a_warning_ends_when_all_is_calm(scene: Scene) -> None:
    scene.trouble()
    scene.look()
    scene.fold()
    scene.clock.at = NOW + 700 + CALM_S
    scene.read.series = []
    scene.read.logs = [LogLine("db", NOW + 5 * i, f"checkpoint {i} took {i} ms") for i in range(150)]
    assert scene.look()[0] is Watched.QUIET
    scene.fold()
    [incident] = scene.store.read(lambda tx: tx.open_incidents())
    assert scene.store.read(lambda tx: tx.firing_count(incident.id)) == 0


def test_one_looks_at_a_time(scene: Scene) -> None:
    other = Watch(scene.store, [scene.read], [scene.read], FixedTopology(GRAPH), scene.clock, "other")
    assert scene.look()[0] is Watched.QUIET
    assert watch(other).reason is Watched.ANOTHER_WATCHER


def test_without_a_topology_there_is_nothing_to_watch(scene: Scene) -> None:
    parts = Watch(scene.store, [scene.read], [scene.read], None, scene.clock, "me")
    assert watch(parts).reason is Watched.NOTHING_TO_WATCH
