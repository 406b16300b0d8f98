"""The evidence message: one table of everything that was weighed, what was ruled out and what could not be read.

Cells are raw text, which Slack does not parse: the safe home of other people's words.
"""

from bot.blocks.card import lock_screen
from bot.blocks.cause import named
from bot.blocks.shape import Block, Place, Rendered, context, rendered, section, table
from bot.blocks.text import clock_utc, line, safe
from bot.domain.evidence import Diagnosis, Evidence, EvidenceRole
from bot.domain.incident import Incident
from bot.domain.trust import Trust

_ROLE_WORDS = {
    EvidenceRole.CAUSE: "🎯 cause",
    EvidenceRole.MECHANISM: "⚙️ mechanism",
    EvidenceRole.SYMPTOM: "🌡️ symptom",
    EvidenceRole.CONTEXT: "ℹ️ context",
    EvidenceRole.RULED_OUT: "🚫 ruled out",
    EvidenceRole.WARNING: "⚠️ warning",
}
_MOST_ROWS = 30


def render(incident: Incident, place: Place) -> Rendered:
    """The table, hypotheses below it, gaps last."""
    diagnosis = incident.diagnosis
    items = diagnosis.evidence if diagnosis else ()
    blocks: list[Block] = [section(f"*Evidence of {incident.key}* — {_counted(incident.diagnosis)}")]
    if items:
        rows = [("#", "What was seen", "Role"), *(_row(item) for item in items[:_MOST_ROWS])]
        blocks.append(table(rows))
    if diagnosis and diagnosis.hypotheses:
        blocks.append(section(_ranking(incident)))
    if diagnosis and diagnosis.missing:
        gaps = "; ".join(safe(gap, 100) for gap in diagnosis.missing[:5])
        blocks.append(context(f"⚠️ Could not be read: {gaps}"))
    blocks.append(context(_author(incident)))
    text = f"Evidence · {lock_screen(incident)}"
    return rendered(text, blocks, prefix=f"{incident.id}:evidence", revision=incident.seq)


def _counted(diagnosis: Diagnosis | None) -> str:
    if diagnosis is None:
        return "it is being collected."
    count = len(diagnosis.evidence)
    if not count and diagnosis.missing:
        return "nothing could be established."
    if not count:
        return "nothing unusual was seen in metrics, logs and changes."
    return f"{count} {'facts' if count > 1 else 'fact'}; the sentences on the card cite them."


def _row(item: Evidence) -> tuple[str, str, str]:
    """Three columns, because a fourth is out of sight in a thread and on a phone."""
    quote = f" “{line(item.quote, 160)}”" if item.quote else ""
    public = " (anybody could have written this)" if item.trust is Trust.PUBLIC else ""
    at = f" · {clock_utc(int(item.at * 1000)).removesuffix(' UTC')}" if item.at else ""
    said = not item.service or item.service in item.text
    what = line(item.text, 260) if said else f"{line(item.service, 50)}: {line(item.text, 240)}"
    return item.id, f"{what}{quote}{public}", f"{_ROLE_WORDS[item.role]} · {line(item.source, 40)}{at}"


def _ranking(incident: Incident) -> str:
    diagnosis = incident.diagnosis
    shown = ["*Candidates*"]
    for at, hypothesis in enumerate(diagnosis.hypotheses[:4] if diagnosis else (), start=1):
        cites = "".join(f"[{safe(name, 8)}]" for name in hypothesis.evidence[:6])
        shown.append(
            f"{at}. {_bar(hypothesis.confidence)} {hypothesis.confidence:.2f}  {named(hypothesis)} {cites}"
        )
    return "\n".join(shown)


def _bar(confidence: float) -> str:
    full = max(0, min(5, round(confidence * 5)))
    return "▰" * full + "▱" * (5 - full)


def _author(incident: Incident) -> str:
    engine = incident.diagnosis.engine if incident.diagnosis else ""
    said = f"Ranked by {safe(engine, 60) or 'the engine'}, without a model"
    explanation = incident.explanation
    if explanation is not None and explanation.author != "engine":
        dropped = f", {explanation.dropped} uncited sentences dropped" if explanation.dropped else ""
        said = (
            f"Ranked by {safe(engine, 60) or 'the engine'}; told by {safe(explanation.author, 60)}{dropped}"
        )
    return f"{said} · times in UTC"
