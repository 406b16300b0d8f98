"""normalize: raw payloads become Alerts, or a reason why one cannot be read."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from bot.domain.alert import Alert
from bot.domain.errors import Permanent
from bot.domain.records import RawBody
from bot.domain.redaction import redact, redact_named
from bot.domain.redaction_screen import Screen, plain_names
from bot.domain.telemetry import Change
from bot.ports import AlertParser

# What a parser may raise for a body that it was not made for; the body is at fault, not the pass.
_UNREADABLE = (Permanent, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
# So many alerts are searched for secrets at once.
_SCREENED_TOGETHER = 256


class Normalized(StrEnum):
    """How reading a payload ended."""

    PARSED = "parsed"
    NOTHING_IN_IT = "nothing_in_it"
    UNREADABLE = "unreadable"
    UNKNOWN_KIND = "unknown_kind"


class NormalizeOutcome(NamedTuple):
    """The alerts of one payload with the reason for their number."""

    reason: Normalized
    alerts: tuple[Alert, ...] = ()
    changes: tuple[Change, ...] = ()
    detail: str = ""


def normalize(
    raws: Iterable[RawBody], parsers: Mapping[str, AlertParser], screen: Screen
) -> Iterator[NormalizeOutcome]:
    """Read stored payloads with the parsers of their kinds, in their order; never raises for what is inside them.

    A `screen` that is kept from one call to the next saves looking at the same texts again.
    """
    lot: list[NormalizeOutcome] = []
    alerts = 0
    for raw in raws:
        lot.append(_read(raw, parsers))
        alerts += len(lot[-1].alerts)
        if alerts >= _SCREENED_TOGETHER:
            yield from _screened(lot, screen)
            lot, alerts = [], 0
    yield from _screened(lot, screen)


def _read(raw: RawBody, parsers: Mapping[str, AlertParser]) -> NormalizeOutcome:
    """One payload, with whatever secrets its alerts hold."""
    if raw.damage:
        return NormalizeOutcome(Normalized.UNREADABLE, detail=raw.damage)
    parser = parsers.get(raw.kind)
    if parser is None:
        return NormalizeOutcome(Normalized.UNKNOWN_KIND, detail=f"no parser is configured for {raw.kind!r}")
    try:
        found = parser.parse(raw.body, source=raw.source, received_at=raw.received_at)
        alerts = tuple(found.alerts)
    except _UNREADABLE as error:
        return NormalizeOutcome(Normalized.UNREADABLE, detail=redact(str(error)) or type(error).__name__)
    reason = Normalized.PARSED if alerts or found.changes else Normalized.NOTHING_IN_IT
    return NormalizeOutcome(reason, alerts, tuple(map(_change_without_secrets, found.changes)))


def _screened(lot: list[NormalizeOutcome], screen: Screen) -> list[NormalizeOutcome]:
    """All payloads of the lot are looked at together first, since hardly any holds a secret."""
    together = tuple(alert for outcome in lot for alert in outcome.alerts)
    if _all_without_secrets(together, screen) is together:
        return lot
    return [one._replace(alerts=_all_without_secrets(one.alerts, screen)) for one in lot]


def _all_without_secrets(alerts: tuple[Alert, ...], screen: Screen) -> tuple[Alert, ...]:
    """The alerts as everything after this may see them; fingerprints still go by the labels as they came.

    All texts of a payload are looked at together first, since hardly any payload holds a secret.
    """
    texts = {text for alert in alerts for text in (alert.name, alert.service, alert.summary, alert.link)}
    texts.update(*[alert.labels.values() for alert in alerts])
    plain = all(map(plain_names, {tuple(alert.labels) for alert in alerts}))
    clean = screen.redactor(texts)
    if clean is None and plain:
        return alerts
    return tuple(_without_secrets(alert, clean or _as_it_is) for alert in alerts)


def _as_it_is(text: str) -> str:
    return text


def _without_secrets(alert: Alert, clean: Callable[[str], str]) -> Alert:
    name, service = clean(alert.name), clean(alert.service)
    summary, link = clean(alert.summary), clean(alert.link)
    if plain_names(tuple(alert.labels)):
        labels = {key: clean(value) for key, value in alert.labels.items()}
    else:
        labels = {redact(key): redact_named(key, value) for key, value in alert.labels.items()}
    return alert._replace(name=name, service=service, summary=summary, link=link, labels=labels)


def _change_without_secrets(change: Change) -> Change:
    return replace(
        change,
        service=redact(change.service),
        title=redact(change.title),
        before=redact(change.before),
        after=redact(change.after),
        actor=redact(change.actor),
        link=redact(change.link),
    )
