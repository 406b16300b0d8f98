"""Raw payloads (sealed) and the current state of each alert."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Row,
    Text,
    any_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)

from bot.adapters.store import schema
from bot.adapters.store.parts.base import Part
from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.errors import Permanent
from bot.domain.records import Arrived, RawBody, StoredAlert
from bot.domain.trust import Trust

_raw, _waiting, _alerts = schema.raw_bodies, schema.raw_pending, schema.alerts
# Rows as the database takes them are larger than alerts.
_WRITTEN_AT_ONCE = 1000
_FETCHED_AT_ONCE = 20
_MOST_BYTES = 64 * 1024 * 1024
_STATUSES = {one.value: one for one in AlertStatus}
_SEVERITIES = {one.value: one for one in AlertSeverity}
_TRUSTS = {one.value: one for one in Trust}
# Reading a member's value costs several times as much as looking it up.
_WORDS: Mapping[AlertStatus | AlertSeverity | Trust, str] = {
    one: word for words in (_STATUSES, _SEVERITIES, _TRUSTS) for word, one in words.items()
}
_RAW_COLUMNS = tuple(column.name for column in _raw.c if column.name != "id")
# SQLite has one writer and numbers rows one by one; a table without rowids leaves its last number as it is.
_LATEST_WAIT = (
    "INSERT INTO raw_pending (tenant, id, received_at)"
    " SELECT tenant, id, received_at FROM raw_bodies WHERE id > last_insert_rowid() - ?"
)
_NAMES = msgspec.json.Encoder()
_LABELS = msgspec.json.Encoder()
_STORED_LABELS = msgspec.json.Decoder(dict[str, str])


class IntakePart(Part):
    """`bot.ports.Intake` in SQL."""

    def add_raw(self, source: str, kind: str, body: bytes, *, received_at: float) -> int:
        statement = insert(_raw).values(
            tenant=self._tenant,
            source=source,
            kind=kind,
            received_at=received_at,
            sha256=hashlib.sha256(body).hexdigest(),
            sealed=self._keys.sealer.seal(body, label=source),
            state="stored",
            tries=0,
            note="",
        )
        key = self._connection.execute(statement).inserted_primary_key
        number = int(key[0]) if key else 0
        waits = insert(_waiting).values(tenant=self._tenant, id=number, received_at=received_at)
        self._connection.execute(waits)
        return number

    def add_raws(self, arrived: Sequence[Arrived]) -> None:
        """Store many payloads at once."""
        rows = [
            (
                self._tenant,
                one.source,
                one.kind,
                one.received_at,
                hashlib.sha256(one.body).hexdigest(),
                self._keys.sealer.seal(one.body, label=one.source),
                "stored",
                0,
                "",
            )
            for one in arrived
        ]
        if self._connection.dialect.name == "sqlite":
            self._many("raw bodies", lambda: insert(_raw), _RAW_COLUMNS, rows)
            self._at_once(_LATEST_WAIT, [(len(rows),)])
            return
        added = insert(_raw).returning(_raw.c.tenant, _raw.c.id, _raw.c.received_at)
        found = self._connection.execute(added, [dict(zip(_RAW_COLUMNS, row, strict=True)) for row in rows])
        waits = [tuple(row) for row in found]
        self._many("raw pending", lambda: insert(_waiting), tuple(_waiting.c.keys()), waits)

    def pending_raw(self, *, limit: int, most_bytes: int = _MOST_BYTES, after: int = 0) -> Sequence[RawBody]:
        """The oldest pending payloads with ids beyond `after`, until they hold `most_bytes` together; at least one.

        A row that does not open comes back as damaged; where none opens, the key is wrong and Permanent is raised.
        """
        found: list[RawBody] = []
        size = 0
        with self._run("pending raw", _pending, after=after, most=limit) as rows:
            for row in rows:
                found.append(self._opened(row))
                size += len(found[-1].body)
                if size >= most_bytes:
                    break
        if found and all(raw.damage for raw in found):
            raise Permanent(found[0].damage)
        return found

    def oldest_pending_raw(self) -> float | None:
        """When the oldest pending payload was received, without reading any payload."""
        found = self._run("oldest raw", _oldest).scalar_one_or_none()
        return None if found is None else float(found)

    def _opened(self, row: Sequence[Any]) -> RawBody:
        number, source, kind, sealed, received_at, tries = row
        try:
            body, damage = self._keys.sealer.open(sealed, label=source), ""
        except Permanent as error:
            body, damage = b"", str(error)
        return RawBody(number, source, kind, body, received_at, tries, damage)

    def settle_raw(self, ids: Sequence[int]) -> None:
        if self._connection.dialect.name == "postgresql":
            self._run("settle raw", _settled_in_array, numbers=list(ids))
        else:
            self._run("settle raw", _settled_in_json, numbers=_NAMES.encode(list(ids)).decode())

    def fail_raw(self, raw_id: int, reason: str, *, quarantine_after: int) -> bool:
        """Count a failure; True when the row is now quarantined."""
        here = (_raw.c.tenant == self._tenant) & (_raw.c.id == raw_id)
        tries = _raw.c.tries + 1
        state = case((tries >= quarantine_after, "quarantined"), else_=_raw.c.state)
        self._connection.execute(update(_raw).where(here).values(tries=tries, state=state, note=reason[:500]))
        found = self._connection.execute(select(_raw.c.state).where(here)).scalar_one()
        if found == "quarantined":
            self.settle_raw([raw_id])
        return bool(found == "quarantined")

    def alerts(self, fingerprints: Sequence[str]) -> Mapping[str, StoredAlert]:
        if not fingerprints:
            return {}
        if self._connection.dialect.name == "postgresql":
            rows = self._run("alerts", _named_in_array, names=list(fingerprints))
        else:
            rows = self._run("alerts", _named_in_json, names=_NAMES.encode(list(fingerprints)).decode())
        return {
            row.fingerprint: StoredAlert(
                _alert(row), row.incident, row.join_reason, row.times_seen, row.raw_id
            )
            for row in rows
        }

    def save_alerts(self, rows: Sequence[StoredAlert]) -> None:
        if not rows:
            return
        for start in range(0, len(rows), _WRITTEN_AT_ONCE):
            lot = [_values(self._tenant, row) for row in rows[start : start + _WRITTEN_AT_ONCE]]
            self._many("alerts", self._replace_alerts, _COLUMNS, lot)

    def _replace_alerts(self) -> Any:
        statement = self._upsert(_alerts)
        kept = ("tenant", "fingerprint")
        changes = {c.name: statement.excluded[c.name] for c in _alerts.c if c.name not in kept}
        return statement.on_conflict_do_update(index_elements=kept, set_=changes)

    def incident_alerts(
        self, incident: str, *, limit: int, source: str = "", services: Sequence[str] = ()
    ) -> Sequence[Alert]:
        """The first alerts of an incident by their start; of one source, or of some services, where those are named."""
        if services:
            theirs = _of_incident().where(_alerts.c.service.in_(list(services)))
            given = {"tenant": self._tenant, "incident": incident, "most": limit}
            found = self._connection.execute(theirs, given)
        elif source:
            found = self._run(
                "incident alerts of", _of_incident_from, incident=incident, most=limit, sent_by=source
            )
        else:
            found = self._run("incident alerts", _of_incident, incident=incident, most=limit)
        return _in_place(found.all())

    def some_alerts(self, incident: str, *, limit: int) -> Sequence[Alert]:
        """Some alerts of an incident, firing ones before others; all where they are no more, by their start."""
        rows = self._run("some alerts", _some_of_incident, incident=incident, most=limit).all()
        return sorted(_in_place(rows), key=lambda alert: (alert.starts_at, alert.fingerprint))

    def move_alerts(
        self, incident: str, to: str, *, services: Sequence[str] | None
    ) -> dict[str, tuple[int, int]]:
        """Give alerts another home; (all, firing) of each service that was moved. None moves every service."""
        here = (_alerts.c.tenant == self._tenant) & (_alerts.c.incident == incident)
        if services is not None:
            here &= _alerts.c.service.in_(list(services))
        firing = case((_alerts.c.status == AlertStatus.FIRING.value, 1), else_=0)
        query = select(_alerts.c.service, func.count(literal_column("1")), func.sum(firing)).where(here)
        rows = self._connection.execute(query.group_by(_alerts.c.service)).all()
        self._connection.execute(update(_alerts).where(here).values(incident=to))
        return {name: (int(count), int(some)) for name, count, some in rows}

    def alerting(self, incident: str) -> Mapping[str, tuple[int, int]]:
        """(all, critical) alerts of each service, whatever their state."""
        found = self._run("alerting", _by_service, incident=incident)
        return {name: (int(count), int(bad)) for name, count, bad in found}

    def firing_by_service(self, incident: str) -> Mapping[str, tuple[int, int]]:
        """(all, critical) firing alerts of each service that has some."""
        critical = case((_alerts.c.severity == AlertSeverity.CRITICAL.value, 1), else_=0)
        query = (
            select(_alerts.c.service, func.count(literal_column("1")), func.sum(critical))
            .where(
                _alerts.c.tenant == self._tenant,
                _alerts.c.incident == incident,
                _alerts.c.status == AlertStatus.FIRING.value,
            )
            .group_by(_alerts.c.service)
        )
        return {name: (int(count), int(bad)) for name, count, bad in self._connection.execute(query).all()}

    def firing_count(self, incident: str) -> int:
        query = (
            select(func.count(literal_column("1")))
            .select_from(_alerts)
            .where(
                _alerts.c.tenant == self._tenant,
                _alerts.c.incident == incident,
                _alerts.c.status == AlertStatus.FIRING.value,
            )
        )
        return int(self._connection.execute(query).scalar_one())


# Fingerprints and ids are one value, since thousands of parameters cost more than the search itself.
def _named_in_array() -> Any:
    here = _alerts.c.tenant == bindparam("tenant")
    return select(_alerts).where(here, _alerts.c.fingerprint == any_(bindparam("names", type_=ARRAY(Text))))


def _named_in_json() -> Any:
    listed = func.json_each(bindparam("names")).table_valued("value")
    here = _alerts.c.tenant == bindparam("tenant")
    return select(_alerts).where(here, _alerts.c.fingerprint.in_(select(listed.c.value)))


def _settled_in_array() -> Any:
    return _settled(_waiting.c.id == any_(bindparam("numbers", type_=ARRAY(BigInteger))))


def _settled_in_json() -> Any:
    return _settled(
        _waiting.c.id.in_(select(func.json_each(bindparam("numbers")).table_valued("value").c.value))
    )


def _settled(those: ColumnElement[bool]) -> Any:
    return delete(_waiting).where(_waiting.c.tenant == bindparam("tenant"), those)


def _of_incident() -> Any:
    """The columns in the order of the fields of an Alert: a storm's rows are taken apart by place, not by name."""
    here = (_alerts.c.tenant == bindparam("tenant")) & (_alerts.c.incident == bindparam("incident"))
    columns = [_alerts.c[name] for name in Alert._fields]
    order = _alerts.c.starts_at, _alerts.c.fingerprint
    return select(*columns).where(here).order_by(*order).limit(bindparam("most"))


def _some_of_incident() -> Any:
    """In the order of the index, so that the size of a storm does not count."""
    return _of_incident().order_by(None).order_by(_alerts.c.status)


def _in_place(rows: Sequence[Any]) -> list[Alert]:
    """Alerts of rows that hold their fields in order."""
    return [
        Alert(
            fingerprint,
            source,
            name,
            _STATUSES[status],
            _SEVERITIES[severity],
            service,
            summary,
            starts_at,
            received_at,
            ends_at,
            _STORED_LABELS.decode(labels),
            link,
            _TRUSTS[trust],
        )
        for (
            fingerprint, source, name, status, severity, service, summary, starts_at, received_at, ends_at,
            labels, link, trust,
        ) in rows
    ]  # fmt: skip


def _by_service() -> Any:
    here = (_alerts.c.tenant == bindparam("tenant")) & (_alerts.c.incident == bindparam("incident"))
    critical = case((_alerts.c.severity == AlertSeverity.CRITICAL.value, 1), else_=0)
    query = select(_alerts.c.service, func.count(literal_column("1")), func.sum(critical))
    return query.where(here).group_by(_alerts.c.service)


def _of_incident_from() -> Any:
    return _of_incident().where(_alerts.c.source == bindparam("sent_by"))


def _oldest() -> Any:
    here = _waiting.c.tenant == bindparam("tenant")
    return select(_waiting.c.received_at).where(here).order_by(_waiting.c.id).limit(1)


def _pending() -> Any:
    here = (_waiting.c.tenant == bindparam("tenant")) & (_waiting.c.id > bindparam("after"))
    columns = _raw.c.id, _raw.c.source, _raw.c.kind, _raw.c.sealed, _raw.c.received_at, _raw.c.tries
    both = _waiting.join(_raw, (_raw.c.id == _waiting.c.id) & (_raw.c.tenant == _waiting.c.tenant))
    query = select(*columns).select_from(both).where(here).order_by(_waiting.c.id)
    return query.limit(bindparam("most")).execution_options(yield_per=_FETCHED_AT_ONCE)


def _alert(row: Row[Any]) -> Alert:
    return Alert(
        fingerprint=row.fingerprint,
        source=row.source,
        name=row.name,
        status=_STATUSES[row.status],
        severity=_SEVERITIES[row.severity],
        service=row.service,
        summary=row.summary,
        starts_at=row.starts_at,
        received_at=row.received_at,
        ends_at=row.ends_at,
        labels=_STORED_LABELS.decode(row.labels),
        link=row.link,
        trust=_TRUSTS[row.trust],
    )


_COLUMNS = tuple(column.name for column in _alerts.c)


def _values(tenant: str, row: StoredAlert) -> tuple[object, ...]:
    """One row in the order of the table's columns."""
    alert, incident, join_reason, times_seen, raw_id = row
    (
        fingerprint, source, name, status, severity, service, summary, starts_at, received_at, ends_at,
        labels, link, trust,
    ) = alert  # fmt: skip
    return (
        tenant,
        fingerprint,
        incident,
        join_reason,
        _WORDS[status],
        _WORDS[severity],
        source,
        name,
        service,
        summary,
        _LABELS.encode(labels if type(labels) is dict else dict(labels)).decode(),
        link,
        _WORDS[trust],
        starts_at,
        ends_at,
        received_at,
        times_seen,
        raw_id,
    )
