"""The five lines at the end of an incident: impact, cause, fix, duration, what remains."""

from bot.blocks import cause, options
from bot.blocks.shape import Place, Rendered, context, rendered, section
from bot.blocks.text import duration, moment, number, severity_word
from bot.domain.incident import Incident, IncidentState
from bot.domain.plan import PlanState


def render(incident: Incident, place: Place) -> Rendered:
    """What a late reader needs, and nothing else."""
    ended_ms = incident.resolved_ms or incident.opened_ms
    took = duration((ended_ms - incident.opened_ms) / 1000)
    word = "cancelled" if incident.state is IncidentState.CANCELLED else "resolved"
    lines = [
        f"✅ *{incident.key} is {word}* after {took}",
        f"*Impact:* {_counted(incident)}",
        f"*Cause:* {_cause(incident)}",
        f"*Fix:* {_fix(incident)}",
        f"*Remains:* {_remains(incident)}",
    ]
    blocks = [
        section("\n".join(lines)),
        context(
            f"{severity_word(incident.severity)} · opened {moment(incident.opened_ms)} · the post-mortem draft follows in the thread of the card"
        ),
    ]
    text = f"{incident.key} {word} after {took}"
    return rendered(text, blocks, prefix=f"{incident.id}:resolved", revision=incident.seq)


def _cause(incident: Incident) -> str:
    top = cause.top_cause(incident)
    if top is not None:
        return f"{cause.named(top)} · {cause.confidence_words(top.confidence)}"
    if cause.expected(incident):
        return "expected load of a planned event, nothing was broken"
    if not incident.looked_into:
        return "not looked into: planned maintenance, alerts of every day, or loose ends"
    return "not established"


def _counted(incident: Incident) -> str:
    alerts, services = incident.alerts_total, len(incident.services or {})
    return f"{number(alerts)} {'alert' if alerts == 1 else 'alerts'} from {services} {'service' if services == 1 else 'services'}"


def _fix(incident: Incident) -> str:
    done = [option for option in incident.options if option.state is PlanState.DONE]
    if not done:
        return "none by Watchkeeper"
    return "; ".join(f"{options.title(option)} ({options.state_words(option)})" for option in done[-2:])


def _remains(incident: Incident) -> str:
    left = []
    if incident.alerts_firing:
        left.append(f"{number(incident.alerts_firing)} alerts still firing")
    left += [
        f"{options.title(option)}: {options.state_words(option)}"
        for option in incident.options
        if option.state in (PlanState.PARKED, PlanState.FAILED, PlanState.STOPPED)
    ][:2]
    return "; ".join(left) or "nothing known"
