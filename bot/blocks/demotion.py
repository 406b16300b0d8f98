"""Whose alerts are put down to the cause and why, and how the alerts came together: short on the card, long for whoever asks."""

from collections.abc import Iterable

from bot.blocks import cause
from bot.blocks.text import code, number
from bot.domain.incident import Incident

_SHORT, _LONG = 3, 12
_JOINED = {
    "same_service": "of a service that was in it",
    "dependency": "of services that call each other",
    "shared_labels": "from the same place",
    "same_change": "of services that got the same change",
    "same_words": "that say the same of the same thing",
    "taught": "that people put together",
    "merged": "of merged incidents",
    "loose_end": "that nothing connects",
}


def lines(incident: Incident) -> list[str]:
    """Two lines at most; none while no cause is known, or where nothing else alerts."""
    top = cause.top_cause(incident)
    if top is None:
        return []
    told = []
    if incident.symptoms:
        names = _listed(incident, (name for name, _ in incident.symptoms), _SHORT)
        verb = "depends" if len(incident.symptoms) == 1 else "depend"
        told.append(f"Symptoms: {names}, which {verb} on {code(top.service, 40)}")
    if incident.apart:
        told.append(f"Not explained by {code(top.service, 40)}: {_listed(incident, incident.apart, _SHORT)}")
    return told


def long_lines(incident: Incident) -> list[str]:
    """Each symptom with the way by which the cause reaches it, and how many alerts joined for which reason."""
    told = []
    if cause.top_cause(incident) is not None and incident.symptoms:
        told.append("*Symptoms of it, with their alerts, and through whom:*")
        told += [
            f"• {_counted(incident, name)} through {code(callee, 40)}"
            for name, callee in incident.symptoms[:_LONG]
        ]
        left = len(incident.symptoms) - _LONG
        told += [f"• and {left} more"] if left > 0 else []
    joins = sorted((incident.joins or {}).items(), key=lambda one: (-one[1], one[0]))
    reasons = [f"{_alerts(count)} {_JOINED[reason]}" for reason, count in joins if reason in _JOINED]
    return [*told, f"*Why together:* {' · '.join(reasons)}"] if reasons else told


def _alerts(count: int) -> str:
    return "1 alert" if count == 1 else f"{number(count)} alerts"


def _listed(incident: Incident, names: Iterable[str], most: int) -> str:
    services = incident.services or {}
    ordered = sorted(names, key=lambda name: (-services.get(name, 0), name))
    more = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(_counted(incident, name) for name in ordered[:most]) + more


def _counted(incident: Incident, name: str) -> str:
    count = (incident.services or {}).get(name, 0)
    return f"{code(name, 40)} ({number(count)})" if count else code(name, 40)
