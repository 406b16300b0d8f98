"""The dependency graph from files, a catalogue and the cluster; calendars of planned work."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.adapters.calendar import ics, yaml_file
from bot.adapters.store.sql import SqlStore
from bot.adapters.topology.files import TopologyFiles
from bot.adapters.topology.joined import joined
from bot.adapters.topology.kubernetes import read_calls
from bot.domain.errors import Permanent, Retryable
from bot.domain.event import TENANT_CHAIN, EventType
from bot.domain.telemetry import PlannedEffect
from bot.domain.topology import Topology
from bot.settings import Settings
from bot.wiring.calendars import keep

NOW = 1_800_000_000.0  # 2027-01-15 08:00 UTC, a Friday.
OURS = "services:\n  web: {calls: [api]}\n  api: [orders-db]\n  orders-db: {kind: database}\n"
CATALOGUE = """
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: web}
spec: {type: website, dependsOn: ["component:default/api", "resource:files"], consumesApis: [prices]}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: pricing}
spec: {type: service, providesApis: ["api:default/prices"]}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: files}
spec: {type: s3-bucket}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: people}
"""


def test_our_own_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(OURS)
    source = TopologyFiles([path])
    first = source.topology(now=NOW)
    assert (first.calls["web"], first.calls["api"], first.kinds["orders-db"]) == (
        ("api",),
        ("orders-db",),
        "database",
    )
    assert source.topology(now=NOW) is first
    path.write_text("services: {web: {calls: [cart]}}\n")

    os.utime(path, (NOW, NOW + 5))
    assert source.topology(now=NOW).calls == {"web": ("cart",)}


def test_a_backstage_catalogue(tmp_path: Path) -> None:
    path = tmp_path / "catalog-info.yaml"
    path.write_text(CATALOGUE)
    found = TopologyFiles([path]).topology(now=NOW)
    assert found.calls["web"] == ("api", "files", "pricing")
    assert (found.kinds["files"], found.kinds["pricing"]) == ("external", "service")
    assert "people" not in found.nodes()


@pytest.mark.parametrize(
    "text",
    ["- a\n", "services: 3\n", "services: {a: {kind: boat}}\n", "a: [\n", "services: {a: {calls: b}}\n"],
)
def test_a_file_that_is_none_names_itself(tmp_path: Path, text: str) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(text)
    with pytest.raises(Permanent, match=r"map\.yaml"):
        TopologyFiles([path]).topology(now=NOW)


def test_the_cluster_by_annotation_and_by_addresses() -> None:
    def workload(name: str, env: dict[str, str], **annotations: str) -> dict[str, object]:
        spec = {"containers": [{"env": [{"name": key, "value": value} for key, value in env.items()]}]}
        meta = {"name": f"{name}-v2", "labels": {"app": name}, "annotations": annotations}
        return {"kind": "Deployment", "metadata": meta, "spec": {"template": {"spec": spec}}}

    def service(name: str, app: str) -> dict[str, object]:
        return {"kind": "Service", "metadata": {"name": name}, "spec": {"selector": {"app": app}}}

    found = read_calls(
        [
            service("cart-svc", "cart"),
            service("db", "orders-db"),
            workload("web", {"CART_URL": "http://cart-svc.shop.svc:8080/x", "NAME": "cart"}),
            workload("cart", {"DSN": "postgres://u:p@db:5432/orders"}),
            workload("batch", {"DSN": "db:5432"}, **{"watchkeeper/calls": "ledger"}),
        ],
        as_of=NOW,
    )
    assert found.calls == {"batch": ("ledger",), "cart": ("orders-db",), "web": ("cart",)}


class Away:
    def topology(self, *, now: float, fresh: bool = False) -> Topology:
        raise Retryable("traces do not answer")


def test_one_source_that_is_away_leaves_the_others_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(OURS)
    both = joined([Away(), TopologyFiles([path])])
    assert both is not None
    found = both.topology(now=NOW)
    assert found.calls["web"] == ("api",)
    assert "traces do not answer" in found.said_of_age(NOW)
    only = joined([Away(), Away()])
    assert only is not None
    with pytest.raises(Retryable):
        only.topology(now=NOW)
    assert "30 hours old" in Topology({"a": ("b",)}, {}, NOW - 30 * 3600).said_of_age(NOW)
    assert "no map" in Topology().said_of_age(NOW)


ICS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//EN
BEGIN:VEVENT
UID:1
SUMMARY:Weekly database work
DTSTART:20270101T060000Z
DTEND:20270101T100000Z
RRULE:FREQ=WEEKLY
EXDATE:20270122T060000Z
CATEGORIES:MAINTENANCE
DESCRIPTION:window agreed\\nservices: orders-db\\, cart
END:VEVENT
BEGIN:VEVENT
UID:2
SUMMARY:Launch
DTSTART;TZID=Europe/Berlin:20270115T090000
DURATION:PT3H
END:VEVENT
BEGIN:VEVENT
UID:3
SUMMARY:No time
END:VEVENT
BEGIN:VEVENT
UID:4
SUMMARY:Called off
STATUS:CANCELLED
DTSTART;VALUE=DATE:20270115
END:VEVENT
END:VCALENDAR
"""


def test_a_calendar_with_recurrences_zones_and_what_was_called_off() -> None:
    found = ics.planned(ICS.replace("\n", "\r\n"), source="work.ics", now=NOW)
    weekly = [one for one in found if one.title == "Weekly database work"]
    assert [round((one.starts_at - NOW) / 86_400) for one in weekly] == [0, 14, 21, 28]
    assert (weekly[0].services, weekly[0].effect) == (("orders-db", "cart"), PlannedEffect.SUPPRESS)
    assert weekly[0].covers("cart", NOW)
    (launch,) = [one for one in found if one.title == "Launch"]
    assert (launch.starts_at - NOW, launch.ends_at - NOW, launch.effect) == (
        0,
        3 * 3600,
        PlannedEffect.EXPLAIN,
    )
    (off,) = [one for one in found if one.title == "Called off"]
    assert not off.covers("cart", NOW)
    assert {one.id for one in found} == {one.id for one in ics.planned(ICS, source="work.ics", now=NOW + 60)}
    with pytest.raises(Permanent, match=r"work\.ics"):
        ics.planned("nonsense", source="work.ics", now=NOW)


MOVED = """BEGIN:VEVENT
UID:1
RECURRENCE-ID:20270129T060000Z
SUMMARY:Weekly database work, later
DTSTART:20270129T160000Z
DTEND:20270129T180000Z
CATEGORIES:MAINTENANCE
END:VEVENT
BEGIN:VEVENT
UID:1
RECURRENCE-ID:20270205T060000Z
SUMMARY:Weekly database work
STATUS:CANCELLED
DTSTART:20270205T060000Z
DTEND:20270205T100000Z
CATEGORIES:MAINTENANCE
END:VEVENT
END:VCALENDAR
"""


def test_one_occurrence_that_was_moved_or_called_off() -> None:
    changed = ICS.replace("END:VCALENDAR\n", MOVED)
    found = [one for one in ics.planned(changed, source="work.ics", now=NOW) if "Weekly" in one.title]
    days = sorted((round((one.starts_at - NOW) / 3600), one.ends_at > one.starts_at) for one in found)
    assert days == [(-2, True), (14 * 24 + 8, True), (21 * 24 - 2, False), (28 * 24 - 2, True)]


def test_what_a_calendar_no_longer_holds_quietens_nothing(
    tmp_path: Path, store: SqlStore, settings: Callable[..., Settings]
) -> None:
    def entry(title: str, start: str, end: str) -> str:
        return f"- {{title: {title}, start: {start}, end: {end}, effect: suppress}}\n"

    def quietened(at: float) -> list[str]:
        found = store.read(lambda tx: tx.planned_events(start=at, end=at))
        return sorted(one.title for one in found if one.covers("cart", at))

    path = tmp_path / "plan.yaml"
    kept = "events:\n" + entry("Kept", "2027-01-15T06:00Z", "2027-01-15T23:00Z")
    gone = entry("Begun", "2027-01-15T06:00Z", "2027-01-15T22:00Z")
    gone += entry("Later", "2027-01-15T20:00Z", "2027-01-15T22:00Z")
    path.write_text(kept + gone)
    asked = settings(planned_calendars=json.dumps([str(path)]))
    keep(store, asked, now=NOW)
    evening = NOW + 14 * 3600
    assert quietened(evening) == ["Begun", "Kept", "Later"]
    path.write_text("half written")
    keep(store, asked, now=NOW + 300)
    assert quietened(evening) == ["Begun", "Kept", "Later"]
    path.write_text(kept)
    keep(store, asked, now=NOW + 600)
    keep(store, asked, now=NOW + 650)
    assert quietened(evening) == ["Kept"]
    logged = store.read(lambda tx: tx.events(TENANT_CHAIN))
    assert [(one.body["title"], one.body["ends_at"]) for one in logged[3:]] == [
        ("Begun", NOW + 600),
        ("Later", NOW + 12 * 3600),
    ]
    path.write_text(kept + gone)
    keep(store, asked, now=NOW + 900)
    assert quietened(evening) == ["Begun", "Kept", "Later"]


def test_planned_events_from_yaml() -> None:
    text = "events:\n- {title: Sale, start: 2027-01-15T07:00Z, end: 2027-01-15T09:00+00:00, services: [web], effect: lower}\n"
    (found,) = yaml_file.planned(text, source="plan.yaml", now=NOW)
    assert (found.covers("web", NOW), found.covers("cart", NOW), found.effect) == (
        True,
        False,
        PlannedEffect.LOWER,
    )
    with pytest.raises(Permanent, match=r"plan\.yaml"):
        yaml_file.planned("events: [{title: x}]", source="plan.yaml", now=NOW)


def test_calendars_of_the_settings_are_entered_once(
    tmp_path: Path, store: SqlStore, settings: Callable[..., Settings]
) -> None:
    (tmp_path / "work.ics").write_text(ICS)
    (tmp_path / "broken.yaml").write_text("events: 3")
    asked = settings(
        planned_calendars=json.dumps([str(tmp_path / "broken.yaml"), str(tmp_path / "work.ics")])
    )
    assert keep(store, asked, now=NOW) == 6
    assert keep(store, asked, now=NOW + 300) == 6
    logged = store.read(lambda tx: tx.events(TENANT_CHAIN))
    assert [(one.type, one.body["by"]) for one in logged] == [
        (EventType.PLANNED_EVENT_ADDED, "calendar work.ics")
    ] * 6
    (first, *_) = store.read(lambda tx: tx.planned_events(start=NOW, end=NOW))
    assert (first.title, first.entered_at) == ("Weekly database work", NOW)
