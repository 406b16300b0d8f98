"""What every parser is built from, so that a file for a system holds only what is its own.

A body is decoded once, checked against typed structs, and read into a Delivery; whatever the structs do not know is
kept as labels that take no part in an alert's identity.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

from bot.adapters.monitoring._limits import within_limits
from bot.domain.alert import Alert, AlertSeverity, AlertStatus, fingerprint_of
from bot.domain.delivery import Delivery
from bot.domain.errors import Permanent
from bot.domain.source_facts import SourceFacts
from bot.domain.trust import Trust

T = TypeVar("T")
When = str | int | float | None
MOST_KEPT = 60
MOST_KEPT_CHARS = 1000
_DEEPEST = 3
_MILLIS, _MICROS, _NANOS = 1e11, 1e14, 1e17
_ZONE = re.compile(r"\s*([+-]\d\d)(\d\d)$")
_DATE = re.compile(r"^(\d{4})[./](\d\d)[./](\d\d)")
_SERVICE_LABELS = (
    "service",
    "service.name",
    "service_name",
    "app",
    "app_kubernetes_io_name",
    "app.kubernetes.io/name",
    "application",
    "deployment",
    "statefulset",
    "daemonset",
    "job",
)
_CRITICAL = "critical crit fatal emergency disaster page error err high severe alert p1 p2 sev1 sev2 down"
_INFO = "info informational information none ok low notice debug p4 p5 sev4 sev5"
_WORDS: Mapping[str, AlertSeverity] = {
    **dict.fromkeys(_CRITICAL.split(), AlertSeverity.CRITICAL),
    **dict.fromkeys(_INFO.split(), AlertSeverity.INFO),
}


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is known about a call besides its fields; `raw` is the body as plain values."""

    source: str
    received_at: float
    raw: Any
    trust: Trust = Trust.WORKLOAD


@dataclass(frozen=True, slots=True)
class Statement:
    """One alert in the sender's words, before it is ours. `identity` is what stays the same until it resolves."""

    identity: Mapping[str, object]
    name: str
    firing: bool = True
    severity: AlertSeverity = AlertSeverity.WARNING
    service: str = ""
    summary: str = ""
    starts: When = None
    ends: When = None
    labels: Mapping[str, object] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    link: str = ""
    trust: Trust | None = None


class Reader(Generic[T]):
    """A parser out of a struct and a function that reads it."""

    def __init__(self, facts: SourceFacts, shape: type[T], read: Callable[[T, Arrival], Delivery]) -> None:
        self.facts = facts
        self.name = facts.kind
        self._shape = shape
        self._read = read

    def parse(self, body: bytes, *, source: str, received_at: float) -> Delivery:
        """What the body says; raises Permanent naming the field that is wrong."""
        raw = plain(body, self.facts.title)
        payload = typed(raw, self._shape, self.facts.title)
        found = self._read(payload, Arrival(source, received_at, raw, self.facts.trust))
        within_limits(list(found.alerts), body)
        return found


def schema_of(shape: Any, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON Schema of a shape for the OpenAPI file, its parts named after the kind."""
    template = f"#/components/schemas/{kind}.{{name}}"
    (body,), parts = msgspec.json.schema_components([shape], ref_template=template)
    return body, {f"{kind}.{name}": part for name, part in parts.items()}


def plain(body: bytes, title: str) -> Any:
    """The body as plain JSON values; raises Permanent."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"the body is not JSON, as {title} would send it: {error}"
        raise Permanent(message) from error


def typed(raw: Any, shape: type[T], title: str) -> T:
    """Plain values as the struct; raises Permanent naming the field that is missing or wrong."""
    try:
        return msgspec.convert(raw, shape)
    except (msgspec.ValidationError, RecursionError, OverflowError) as error:
        message = f"not a call of {title}: {error}"
        raise Permanent(message) from error


def alert(arrival: Arrival, said: Statement) -> Alert:
    """The Alert of a statement: missing times are the time of arrival, links that are not http(s) are dropped."""
    labels = {name: text(value) for name, value in said.labels.items()}
    labels = {name: value for name, value in labels.items() if value}
    name = said.name.strip() or "unnamed"
    service = said.service or service_of(labels)
    for key, value in said.kept.items():
        labels.setdefault(key, value)
    labels.setdefault("alertname", name)
    ends = moment(said.ends, arrival.received_at) if said.ends not in (None, "", 0) else None
    return Alert(
        fingerprint=fingerprint_of(
            arrival.source, {key: text(value) for key, value in said.identity.items()}
        ),
        source=arrival.source,
        name=name,
        status=AlertStatus.FIRING if said.firing else AlertStatus.RESOLVED,
        severity=said.severity,
        service=service,
        summary=said.summary,
        starts_at=moment(said.starts, arrival.received_at),
        received_at=arrival.received_at,
        ends_at=None if said.firing else ends or arrival.received_at,
        labels=labels,
        link=web_link(said.link),
        trust=said.trust or arrival.trust,
    )


def service_of(labels: Mapping[str, str]) -> str:
    """The service that labels name, by the first of the usual names that is there; empty where none is."""
    return next((labels[name] for name in _SERVICE_LABELS if labels.get(name)), "")


def severity_of(word: object, own: Mapping[str, AlertSeverity] | None = None) -> AlertSeverity:
    """A sender's word as one of three levels: its own table first, then the common words; else warning."""
    lowered = text(word).strip().lower()
    if own and lowered in own:
        return own[lowered]
    return _WORDS.get(lowered, AlertSeverity.WARNING)


def moment(value: When, default: float) -> float:
    """Unix seconds out of seconds, milli-, micro- or nanoseconds, or an ISO time; `default` where none is readable."""
    if isinstance(value, str):
        number = _number(value)
        return _iso(value, default) if number is None else moment(number, default)
    if value is None or isinstance(value, bool) or not math.isfinite(value) or value <= 0:
        return default
    for limit, unit in ((_NANOS, 1e9), (_MICROS, 1e6), (_MILLIS, 1e3)):
        if value >= limit:
            return value / unit
    return float(value)


def web_link(link: str) -> str:
    """The link where it is one that a browser opens, else nothing."""
    plain_one = link.strip()
    fits = plain_one.startswith(("https://", "http://")) and not any(char.isspace() for char in plain_one)
    return plain_one if fits else ""


def text(value: object) -> str:
    """A plain value as text: true and false in lower case, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def unknown(raw: Any, shape: type[msgspec.Struct]) -> dict[str, str]:
    """What the struct does not know, as flat labels with dots in their names; at most MOST_KEPT of them."""
    kept: dict[str, str] = {}
    _gather(raw, shape, "", kept)
    return kept


def flat(raw: object, prefix: str = "") -> dict[str, str]:
    """Every plain value under `raw`, as flat labels; at most MOST_KEPT of them."""
    kept: dict[str, str] = {}
    _flatten(raw, prefix, kept, 0)
    return kept


def _gather(raw: Any, shape: type[msgspec.Struct], prefix: str, kept: dict[str, str]) -> None:
    if not isinstance(raw, dict):
        return
    known = {one.encode_name: one.type for one in msgspec.structs.fields(shape)}
    for key, value in raw.items():
        inner = known.get(key)
        if inner is None and key not in known:
            _flatten(value, f"{prefix}{key}", kept, 0)
        elif isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            _gather(value, inner, f"{prefix}{key}.", kept)


def _flatten(value: object, name: str, kept: dict[str, str], depth: int) -> None:
    if len(kept) >= MOST_KEPT or depth > _DEEPEST:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            _flatten(inner, f"{name}.{key}" if name else str(key), kept, depth + 1)
    elif isinstance(value, list):
        plain_ones = [text(one) for one in value[:20] if not isinstance(one, dict | list)]
        if plain_ones:
            kept[name[:200]] = ", ".join(plain_ones)[:MOST_KEPT_CHARS]
    elif text(value):
        kept[name[:200]] = text(value)[:MOST_KEPT_CHARS]


def _number(value: str) -> float | None:
    try:
        return float(value) if value[:1].isdigit() and len(value) < 25 else None
    except ValueError:
        return None


def _iso(value: str, default: float) -> float:
    stripped = _DATE.sub(r"\1-\2-\3", _ZONE.sub(r"\1:\2", value.strip()))
    try:
        parsed = datetime.fromisoformat(stripped.replace(" UTC", "+00:00"))
    except ValueError:
        return default
    zoned = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    at = zoned.timestamp()
    return at if at > 0 else default
