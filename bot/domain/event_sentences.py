"""One sentence of ours per event, for the timeline and the post-mortem. No untrusted prose enters here
except titles, which the renderers escape.
"""

from collections.abc import Callable, Mapping
from typing import Any

from bot.domain.event import Event, EventType

_Body = Mapping[str, Any]


def sentence(event: Event) -> str:
    """What happened, in one sentence; empty for events that belong in no timeline."""
    teller = _TELLERS.get(event.type)
    return teller(event.body) if teller else ""


def _short(body: _Body) -> str:
    return str(body["plan_hash"])[:8]


def _rule(body: _Body) -> str:
    return str(body["rule"]).replace("_", " ")


def _folded(body: _Body) -> str:
    """Repeats alone are a counter and no line of a timeline."""
    if not body["count"] and not body["resolved"]:
        return ""
    total, firing = body["total"], body["still_firing"]
    ended = f"{body['resolved']} {'alert' if body['resolved'] == 1 else 'alerts'} ended"
    if not body["count"] and body["resolved"]:
        return f"{ended}; {firing} of {total} still firing."
    resolved = f", {ended}" if body["resolved"] else ""
    joined = f"{body['count']} {'alert' if body['count'] == 1 else 'alerts'} folded in"
    return f"{joined}{resolved} ({total} in all, {firing} firing)."


def _moved(body: _Body) -> str:
    some = f"{body['count']} {'alert' if body['count'] == 1 else 'alerts'}"
    way = "came from" if body["way"] == "in" else "went to"
    return f"{some} {way} INC-{body['other']} ({body['reason']})."


def _ranked(body: _Body) -> str:
    if not body["hypotheses"]:
        return f"Investigation ended: {body['conclusion'].replace('_', ' ')}."
    top = body["hypotheses"][0]
    verdict = body["conclusion"].replace("_", " ")
    return f"Ranked causes: {top['service']} ({str(top['cause']).replace('_', ' ')}) at {top['confidence']:.2f}; {verdict}."


def _collected(body: _Body) -> str:
    gaps = f", {len(body['missing'])} sources missing" if body["missing"] else ""
    return f"Collected {len(body['evidence'])} pieces of evidence{gaps}."


def _proposed(body: _Body) -> str:
    if not body["options"]:
        return "No playbook was offered."
    titles = "; ".join(f"{option['letter']} {option['plan']['title']}" for option in body["options"])
    return f"Offered: {titles}."


def _granted(body: _Body) -> str:
    because = f" ({body['reason']})" if body.get("reason") else ""
    return f"Plan {_short(body)} approved{because}."


def _refused(body: _Body) -> str:
    more = f" ({body['unlogged']} more refusals went before it)" if body.get("unlogged") else ""
    return f"Approval of plan {_short(body)} refused: {_rule(body)}{more}."


def _verified(body: _Body) -> str:
    return f"Verification of plan {_short(body)} {'passed' if body['verified'] else 'failed'}."


def _step(word: str) -> Callable[[_Body], str]:
    return lambda body: (
        f"{'Undo of step' if body['phase'] == 'undo' else 'Step'} {body['step']} {word} in plan {_short(body)}."
    )


_TELLERS: Mapping[EventType, Callable[[_Body], str]] = {
    EventType.INCIDENT_DECLARED: lambda body: f"Incident declared: {body['title']} ({body['reason']}).",
    EventType.ALERTS_FOLDED: _folded,
    EventType.ALERTS_MOVED: _moved,
    EventType.STATUS_CHANGED: lambda body: f"Status is now {body['to']} ({body['reason']}).",
    EventType.SEVERITY_CHANGED: lambda body: f"Severity is now SEV{body['to']} ({body['reason']}).",
    EventType.PLANNED_EVENT_MATCHED: lambda body: f"Falls inside the planned event: {body['title']}.",
    EventType.PLANNED_EVENT_ENDED: lambda body: (
        f"The planned event {body['title']} is over; {body['firing']} alerts still fire."
    ),
    EventType.INVESTIGATION_REQUESTED: lambda body: f"Another investigation is wanted ({body['reason']}).",
    EventType.INVESTIGATION_STARTED: lambda body: f"Investigation started ({body['reason']}).",
    EventType.EVIDENCE_COLLECTED: _collected,
    EventType.HYPOTHESES_RANKED: _ranked,
    EventType.OPTIONS_PROPOSED: _proposed,
    EventType.OPTIONS_QUEUED: lambda body: f"Options wait: {body['open']} proposals are open in the channel.",
    EventType.APPROVAL_NOTED: lambda body: (
        f"Plan {_short(body)}: first of two people said yes ({body['verb']})."
    ),
    EventType.APPROVAL_GRANTED: _granted,
    EventType.APPROVAL_REFUSED: _refused,
    EventType.ORDER_FIRED: lambda body: (
        f"Standing order {body['order']} started plan {_short(body)}; the engine was {body['confidence_milli'] / 10:g} % sure."
    ),
    EventType.ORDER_REVOKED: lambda body: f"Standing order {body['order']} is withdrawn: {body['why']}.",
    EventType.PLAN_REJECTED: lambda body: f"Plan {_short(body)} rejected.",
    EventType.PLAN_EXPIRED: lambda body: f"Plan {_short(body)} expired.",
    EventType.EXECUTION_CLAIMED: lambda body: f"Plan {_short(body)} started.",
    EventType.EXECUTION_REFUSED: lambda body: f"Plan {_short(body)} refused by the executor: {_rule(body)}.",
    EventType.ATTEMPT_FAILED: lambda body: (
        f"The provider did not answer (try {body['attempt']} of step {body['step']} in plan {_short(body)})."
    ),
    EventType.STEP_DONE: _step("done"),
    EventType.STEP_FAILED: _step("failed"),
    EventType.STEP_PARKED: _step("parked for a human"),
    EventType.VERIFIED: _verified,
    EventType.EXECUTION_FINISHED: lambda body: f"Plan {_short(body)} ended: {body['state']}.",
    EventType.STOP_REQUESTED: lambda _body: "Stop requested.",
    EventType.NOTE_ADDED: lambda body: f"Note: {body['text']}",
    EventType.POSTMORTEM_DRAFTED: lambda _body: "Post-mortem drafted.",
}
