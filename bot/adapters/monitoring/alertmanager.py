"""Prometheus Alertmanager's webhook, version 4: a group of alerts in each body.

Format: Alertmanager documentation, "webhook_config"; bodies may be tens of MB since a 413 is never retried.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from sys import intern
from typing import Annotated, overload

import msgspec

from bot.adapters.monitoring._limits import (
    MOST_LABELS,
    MOST_NAME_CHARS,
    MOST_TEXT_CHARS,
    may_hold_nul,
    seconds,
    within_limits,
)
from bot.domain.alert import Alert, AlertSeverity, AlertStatus, fingerprint_of
from bot.domain.delivery import Delivery
from bot.domain.errors import Permanent
from bot.domain.source_facts import SourceFacts
from bot.ports import AlertParser

FACTS = SourceFacts(
    kind="alertmanager",
    title="Prometheus Alertmanager",
    about="The webhook of Prometheus Alertmanager, version 4: a group of alerts in each call.",
    proofs=("bearer", "basic"),
    batches=True,
    setup="""\
# alertmanager.yml
route:
  receiver: watchkeeper
  group_by: [alertname, service]
  group_wait: 1s
  group_interval: 10s
receivers:
  - name: watchkeeper
    webhook_configs:
      - url: {url}
        send_resolved: true
        http_config:
          authorization:
            type: Bearer
            credentials: {token}
""",
    mapping=(
        ("all labels, and the source's name", "fingerprint: a repeat or a resolve finds its alert"),
        ("label `alertname`", "name"),
        ("first of `service`, `app`, `app_kubernetes_io_name`, `deployment`, `job`", "service"),
        ("label `severity`: critical, page, error / info, none / else", "critical / info / warning"),
        ("annotation `summary`, else `description`", "summary"),
        ("`startsAt`, `endsAt`, `generatorURL`", "times and link"),
        ("an alert `Watchdog`, where the source has `heartbeat_s`", "a sign of life, no alert"),
    ),
)
_SEVERITIES = {
    "critical": AlertSeverity.CRITICAL,
    "page": AlertSeverity.CRITICAL,
    "error": AlertSeverity.CRITICAL,
    "info": AlertSeverity.INFO,
    "none": AlertSeverity.INFO,
}
_SERVICE_LABELS = ("service", "app", "app_kubernetes_io_name", "deployment", "job")
_NO_END_YEAR = 1


class _Said(msgspec.Struct, gc=False):
    summary: str = ""
    description: str = ""


class _Item(msgspec.Struct, gc=False):
    status: AlertStatus
    labels: dict[str, str]
    startsAt: datetime  # noqa: N815 - the sender's spelling
    endsAt: datetime | None = None  # noqa: N815 - the sender's spelling
    annotations: _Said = msgspec.field(default_factory=_Said)
    generatorURL: str = ""  # noqa: N815 - the sender's spelling


class _Payload(msgspec.Struct, gc=False):
    version: str
    alerts: list[_Item]


_ShortText = Annotated[str, msgspec.Meta(max_length=MOST_NAME_CHARS)]


class _OrdinaryItem(_Item, gc=False):
    labels: Annotated[dict[str, _ShortText], msgspec.Meta(max_length=MOST_LABELS)]


class _OrdinaryPayload(msgspec.Struct, gc=False):
    version: str
    alerts: list[_OrdinaryItem]


_DECODER = msgspec.json.Decoder(_Payload)
_ORDINARY = msgspec.json.Decoder(_OrdinaryPayload)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Alertmanager:
    """Reads webhook bodies; the labels are the identity, so that repeats and resolves find their alert."""

    name = FACTS.kind
    facts = FACTS

    def parse(self, body: bytes, *, source: str, received_at: float) -> Delivery:
        """Every alert in the group; raises Permanent naming the field that is wrong."""
        ordinary = _ordinary(body)
        payload = ordinary or _decoded(body)
        if payload.version != "4":
            message = f"Alertmanager webhook version {payload.version[:10]!r} is not supported, expected '4'"
            raise Permanent(message)
        alerts: Sequence[Alert] = _Alerts(payload.alerts, source, received_at)
        if ordinary is None:
            alerts = within_limits(list(alerts), body)
        return Delivery(alerts, (), "" if payload.alerts else "a call with no alert in it")


def build() -> AlertParser:
    """The parser of this file."""
    return Alertmanager()


class _Alerts(Sequence[Alert]):
    """The alerts of one body, each made when it is asked for: the intake only counts them."""

    def __init__(self, items: Sequence[_Item], source: str, received_at: float) -> None:
        self._items, self._source, self._received_at = items, source, received_at

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Alert]:
        return (_alert(item, self._source, self._received_at) for item in self._items)

    @overload
    def __getitem__(self, at: int) -> Alert: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Alert]: ...
    def __getitem__(self, at: int | slice) -> Alert | Sequence[Alert]:
        if isinstance(at, slice):
            return _Alerts(self._items[at], self._source, self._received_at)
        return _alert(self._items[at], self._source, self._received_at)


def _decoded(body: bytes) -> _Payload:
    try:
        return _DECODER.decode(body)
    except _UNREADABLE as error:
        message = f"not an Alertmanager webhook (version 4): {error}"
        raise Permanent(message) from error


def _ordinary(body: bytes) -> _OrdinaryPayload | None:
    """The body, where no alert in it can be over a limit; every other one is looked at closely."""
    if len(body) > MOST_TEXT_CHARS or may_hold_nul(body):
        return None
    try:
        return _ORDINARY.decode(body)
    except _UNREADABLE:
        return None


def _alert(item: _Item, source: str, received_at: float) -> Alert:
    labels = item.labels
    ended = item.endsAt
    # By place: a storm makes many. Names and services are few, and everything after counts and compares by them.
    return Alert(
        fingerprint_of(source, labels),
        source,
        intern(labels.get("alertname", "unnamed")),
        item.status,
        _SEVERITIES.get(labels.get("severity", "").lower(), AlertSeverity.WARNING),
        intern(labels.get("service") or _service(labels)),
        item.annotations.summary or item.annotations.description,
        seconds(item.startsAt),
        received_at,
        seconds(ended) if ended and ended.year > _NO_END_YEAR else None,
        labels,
        item.generatorURL,
    )


def _service(labels: dict[str, str]) -> str:
    for name in _SERVICE_LABELS:
        value = labels.get(name)
        if value:
            return value
    return ""
