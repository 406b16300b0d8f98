"""The long answer to why: class, impact, signals with weights, path, what was ruled out, what is like it, who decided.

The card says the same in three lines; this is for the person who asks.
"""

import re

from bot.blocks import cause, demotion
from bot.blocks.shape import Block, section
from bot.blocks.text import clip_mrkdwn, code, safe, severity_word
from bot.domain.evidence import Classification, Diagnosis, EvidenceRole, Hypothesis
from bot.domain.explain import decided_by
from bot.domain.incident import Incident, Severity

_MOST_EVIDENCE, _MOST_RULED_OUT, _MOST_STEPS = 10, 6, 4
_SECTION = 2900
_CITED = re.compile(r"\s*\[E[0-9]{1,4}\]")


def blocks(incident: Incident) -> list[Block]:
    """One section for each question; those without an answer are left out."""
    told = [[f"*Why {incident.key}?*", *cause.lines(incident)]]
    diagnosis = incident.diagnosis
    if diagnosis is not None and cause.answered(incident):
        top = diagnosis.hypotheses[0] if diagnosis.hypotheses else None
        told += [
            _class(diagnosis.classification, incident.severity, top),
            _argument(top) if top is not None else [],
            demotion.long_lines(incident),
            _evidence(diagnosis),
            _ruled_out(diagnosis),
            _others(diagnosis),
            _next(top, diagnosis),
            [f"_{safe(decided_by(diagnosis), 400)}_"],
        ]
    return [section(clip_mrkdwn("\n".join(lines), _SECTION)) for lines in told if lines]


def _class(found: Classification | None, severity: Severity, top: Hypothesis | None) -> list[str]:
    """The class and who suffers; what the argument above has said already is not said again."""
    if found is None:
        return []
    said = {_stem(text) for text in top.because} if top is not None else set()
    because = " ".join(safe(text, 240) for text in found.because if _stem(text) not in said)
    known = top is not None and top.cause is found.cause and not because
    lines = [] if known else [f"*Class:* {cause.cause_words(found.cause)}. {because}".rstrip()]
    if found.severity:
        differs = "" if found.severity == severity else f" (the alerts made it {severity.label})"
        judged = severity_word(Severity(found.severity))
        lines.append(f"*Severity by impact:* {judged}, {safe(found.severity_because, 120)}{differs}")
    if found.impact.services:
        named = ", ".join(code(name, 40) for name in found.impact.services[:5])
        users = (
            f"; users meet {', '.join(code(one, 40) for one in found.impact.entries[:3])}"
            if found.impact.entries
            else ""
        )
        lines.append(f"*Who suffers:* {named}{users}")
    return lines


def _stem(text: str) -> str:
    """A sentence without its evidence and its full stop."""
    return _CITED.sub("", text).strip().rstrip(".")


def _argument(top: Hypothesis) -> list[str]:
    lines = []
    if len(top.path) > 1:
        walk = " → ".join(code(name, 40) for name in top.path[:8])
        lines.append(
            f"*From cause to symptom:* {walk}; readings bear out {top.path_score * 100:.0f} % of the way"
        )
    if top.grounds:
        signals = " · ".join(
            f"{safe(one.name, 60)} {one.strength:.2f} × {one.weight:.2f}" for one in top.grounds[:8]
        )
        lines.append(f"*Signals* (strength × trust): {signals}")
    return lines


def _evidence(diagnosis: Diagnosis) -> list[str]:
    shown = [item for item in diagnosis.evidence if item.role is not EvidenceRole.RULED_OUT][:_MOST_EVIDENCE]
    return [f"*{safe(item.id, 8)}* {safe(item.text, 200)}" for item in shown]


def _ruled_out(diagnosis: Diagnosis) -> list[str]:
    found = [item for item in diagnosis.evidence if item.role is EvidenceRole.RULED_OUT][:_MOST_RULED_OUT]
    lines = [f"• {safe(item.text, 200)} [{safe(item.id, 8)}]" for item in found]
    return ["*Ruled out:*", *lines] if lines else []


def _others(diagnosis: Diagnosis) -> list[str]:
    lines = []
    for one in diagnosis.hypotheses[1:4]:
        first = f": {safe(one.because[0], 200)}" if one.because else ""
        lines.append(f"• {cause.named(one)} ({one.confidence:.2f}){first}")
    return ["*Also weighed:*", *lines] if lines else []


def _next(top: Hypothesis | None, diagnosis: Diagnosis) -> list[str]:
    lines = [f"• {safe(step, 160)}" for step in (top.look[:_MOST_STEPS] if top is not None else ())]
    told = ["*Worth looking at:*", *lines] if lines else []
    for one in diagnosis.precedents:
        what = f", {safe(one.cause, 80)}" if one.cause else ""
        told.append(f"*Reads like {safe(one.key, 20)}* ({one.score:.2f}): {safe(one.title, 100)}{what}")
    return told
