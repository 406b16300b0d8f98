"""Switches, leases, planned events, the Slack inbox, documents and signs of life."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import structlog
from sqlalchemy import bindparam, case, select, update

from bot.adapters.store import schema
from bot.adapters.store.parts.base import Part
from bot.domain.correlation import Taught
from bot.domain.errors import Permanent
from bot.domain.plan import PlanState
from bot.domain.records import InboxRow
from bot.domain.redaction import redact_tree
from bot.domain.telemetry import PlannedEffect, PlannedEvent
from bot.domain.topology import Topology

_log = structlog.get_logger()
_TOPOLOGY = "topology"
_TAUGHT = "taught"
_EVERYDAY = "everyday"
_APPROVERS = "approvers"
# Slack's and our own handles, which must come back as they went out.
_OPAQUE = frozenset({"trigger_id", "value", "metadata"})
# Whoever has it may answer in the person's channel.
_SECRET = "reply_url"  # noqa: S105 - a field's name


class ControlPart(Part):
    """`bot.ports.Control` in SQL."""

    def set_switch(self, scope: str, on: bool, *, by: str, at: float) -> None:
        values = {"on": on, "by": by, "at": at}
        statement = self._upsert(schema.switches).values(tenant=self._tenant, scope=scope, **values)
        self._connection.execute(
            statement.on_conflict_do_update(index_elements=["tenant", "scope"], set_=values)
        )
        # An intent that is being written holds its plan's row; it commits before this does, or it sees the switch.
        plans = schema.plans
        running = (plans.c.tenant == self._tenant) & (plans.c.state == PlanState.RUNNING.value)
        self._connection.execute(update(plans).where(running).values(epoch=plans.c.epoch))

    def switched_on(self, scopes: Sequence[str]) -> str | None:
        """The first of `scopes` whose switch is on, or None."""
        table = schema.switches
        query = select(table.c.scope).where(
            table.c.tenant == self._tenant, table.c.scope.in_(list(scopes)), table.c.on.is_(True)
        )
        found = set(self._connection.execute(query).scalars())
        return next((scope for scope in scopes if scope in found), None)

    def take_lease(self, name: str, *, holder: str, now: float, ttl_s: float) -> int | None:
        """Renew our lease, or take it when it is free or ran out; returns the epoch or None.

        A holder that comes late keeps its epoch as long as nobody else took over meanwhile.
        """
        table = schema.leases
        ends = now + ttl_s

        def first() -> Any:
            return self._upsert(table).on_conflict_do_nothing()

        got = (
            self._touched("renew lease", _renewed, lease=name, by=holder, ends=ends)
            or self._touched("take lease", _taken, lease=name, by=holder, ends=ends, now=now)
            or self._touched("first lease", first, name=name, holder=holder, epoch=1, expires_at=ends)
        )
        return int(self._run("lease", _epoch, lease=name).scalar_one()) if got else None

    def holds_lease(self, name: str, epoch: int) -> bool:
        """Whether `epoch` is still the newest; locks the row, so that nobody takes it before this commits."""
        return self._touched("hold lease", _held, lease=name, newest=epoch)

    def add_planned_event(self, event: PlannedEvent) -> None:
        values = {**asdict(event), "services": json.dumps(list(event.services))}
        statement = self._upsert(schema.planned_events).values(tenant=self._tenant, **values)
        self._connection.execute(
            statement.on_conflict_do_update(index_elements=["tenant", "id"], set_=values)
        )

    def planned_events(self, *, start: float, end: float) -> Sequence[PlannedEvent]:
        table = schema.planned_events
        query = select(table).where(
            table.c.tenant == self._tenant, table.c.starts_at <= end, table.c.ends_at >= start
        )
        return [
            PlannedEvent(
                row.id,
                row.title,
                row.starts_at,
                row.ends_at,
                tuple(json.loads(row.services)),
                row.entered_by,
                row.entered_at,
                PlannedEffect(row.effect),
            )
            for row in self._connection.execute(query.order_by(table.c.starts_at))
        ]

    def record_inbox(self, dedupe: str, kind: str, payload: Mapping[str, Any], *, at: float) -> bool:
        """Record what a person did; False when this delivery was recorded before. `reply_url` is kept sealed."""
        kept = redact_tree(payload, keep=_OPAQUE)
        if _SECRET in payload:
            sealed = self._keys.sealer.seal(str(payload[_SECRET]).encode(), label=f"inbox {dedupe}")
            kept[_SECRET] = b64encode(sealed).decode()
        row = {
            "tenant": self._tenant,
            "dedupe": dedupe,
            "kind": kind,
            "payload": json.dumps(kept),
            "received_at": at,
            "state": "pending",
            "tries": 0,
            "note": "",
        }
        return self._new("record inbox", schema.inbox, row)

    def pending_inbox(self, *, limit: int) -> Sequence[InboxRow]:
        """Pending rows, clicks before everything else."""
        table = schema.inbox

        def make() -> Any:
            clicks_first = case((table.c.kind == "click", 0), else_=1)
            here = (table.c.tenant == bindparam("tenant")) & (table.c.state == "pending")
            return select(table).where(here).order_by(clicks_first, table.c.id).limit(bindparam("most"))

        return [
            InboxRow(row.id, row.kind, self._act_of(row.payload, row.dedupe), row.received_at, row.tries)
            for row in self._run("pending inbox", make, most=limit)
        ]

    def _act_of(self, payload: str, dedupe: str) -> Mapping[str, Any]:
        """What was recorded; an answer's address that does not open is left out: the act counts without it."""
        kept = dict(_object(payload))
        if _SECRET in kept:
            try:
                sealed = b64decode(str(kept.pop(_SECRET)))
                kept[_SECRET] = self._keys.sealer.open(sealed, label=f"inbox {dedupe}").decode()
            except (Permanent, ValueError):
                _log.warning("reply_url_unreadable")
        return kept

    def settle_inbox(self, row_id: int, *, note: str) -> None:
        table = schema.inbox
        here = (table.c.tenant == self._tenant) & (table.c.id == row_id)
        self._connection.execute(update(table).where(here).values(state="done", note=note[:500]))

    def retry_inbox(self, row_id: int, *, quarantine_after: int) -> None:
        table = schema.inbox
        here = (table.c.tenant == self._tenant) & (table.c.id == row_id)
        tries = table.c.tries + 1
        state = case((tries >= quarantine_after, "quarantined"), else_="pending")
        self._connection.execute(update(table).where(here).values(tries=tries, state=state))

    def save_topology(self, topology: Topology) -> None:
        content = {"calls": {k: list(v) for k, v in topology.calls.items()}, "kinds": dict(topology.kinds)}
        self._save(_TOPOLOGY, json.dumps(content, sort_keys=True), at=topology.as_of)

    def topology(self) -> Topology:
        row = self._load(_TOPOLOGY)
        if row is None:
            return Topology()
        content = json.loads(row[0])
        return Topology({k: tuple(v) for k, v in content["calls"].items()}, content["kinds"], row[1])

    def save_taught(self, taught: Taught, *, at: float) -> None:
        """Keep what people said of services that belong together or do not."""
        content = {
            "together": sorted(taught.together),
            "apart": sorted(taught.apart),
            "split": sorted(taught.split),
        }
        self._save(_TAUGHT, json.dumps(content), at=at)

    def taught(self) -> Taught:
        row = self._load(_TAUGHT)
        if row is None:
            return Taught()
        content = json.loads(row[0])
        said = (
            {(one, other) for one, other in content.get(name, ())} for name in ("together", "apart", "split")
        )
        return Taught(*(frozenset(pairs) for pairs in said))

    def save_everyday(self, text: str, *, at: float) -> None:
        """Keep what the correlator learned of any day."""
        self._save(_EVERYDAY, text, at=at)

    def everyday(self) -> str:
        row = self._load(_EVERYDAY)
        return row[0] if row else ""

    def beat(self, process: str, *, at: float) -> None:
        table, keys = schema.beats, ["tenant", "process"]

        def own() -> Any:
            sign = self._upsert(table)
            return sign.on_conflict_do_update(index_elements=keys, set_={"at": sign.excluded.at})

        def latest() -> Any:
            sign = self._upsert(table)
            later = table.c.at < sign.excluded.at
            return sign.on_conflict_do_update(index_elements=keys, set_={"at": sign.excluded.at}, where=later)

        self._run("beat", own, process=process, at=at)
        self._run("latest beat", latest, process=schema.LATEST_BEAT, at=at)

    def beats(self) -> Mapping[str, float]:
        table = schema.beats
        here = (table.c.tenant == self._tenant) & (table.c.process != schema.LATEST_BEAT)
        rows = self._connection.execute(select(table.c.process, table.c.at).where(here))
        return {row.process: row.at for row in rows}

    def save_approvers(self, users: Sequence[str], *, at: float) -> None:
        """Keep the approver group as Slack gave it at that moment, for the executor, which cannot ask Slack."""
        self._save(_APPROVERS, json.dumps(sorted(users)), at=at)

    def approvers(self) -> tuple[frozenset[str], float] | None:
        """The group that was kept last, and when it was read; None before that."""
        row = self._load(_APPROVERS)
        return None if row is None else (frozenset(json.loads(row[0])), row[1])

    def save_postmortem(self, incident: str, markdown: str, *, at: float) -> None:
        self._save(f"postmortem:{incident}", markdown, at=at)

    def postmortem(self, incident: str) -> str:
        row = self._load(f"postmortem:{incident}")
        return row[0] if row else ""

    def _save(self, name: str, content: str, *, at: float) -> None:
        statement = self._upsert(schema.documents).values(
            tenant=self._tenant, name=name, content=content, at=at
        )
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant", "name"], set_={"content": content, "at": at}
            )
        )

    def _load(self, name: str) -> tuple[str, float] | None:
        table = schema.documents
        query = select(table.c.content, table.c.at).where(
            table.c.tenant == self._tenant, table.c.name == name
        )
        row = self._connection.execute(query).one_or_none()
        return None if row is None else (row.content, row.at)


def _object(text: str) -> dict[str, Any]:
    """The JSON object in `text`; an empty one for a damaged row, which its reader then fails and sets aside."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _lease(tenant: str = "of_tenant") -> Any:
    table = schema.leases
    return (table.c.tenant == bindparam(tenant)) & (table.c.name == bindparam("lease"))


def _renewed() -> Any:
    own = _lease() & (schema.leases.c.holder == bindparam("by"))
    return update(schema.leases).where(own).values(expires_at=bindparam("ends"))


def _taken() -> Any:
    table = schema.leases
    over = _lease() & (table.c.expires_at < bindparam("now"))
    return (
        update(table)
        .where(over)
        .values(holder=bindparam("by"), epoch=table.c.epoch + 1, expires_at=bindparam("ends"))
    )


def _held() -> Any:
    table = schema.leases
    return update(table).where(_lease() & (table.c.epoch == bindparam("newest"))).values(epoch=table.c.epoch)


def _epoch() -> Any:
    return select(schema.leases.c.epoch).where(_lease("tenant"))
