"""recall: past incidents that read like this one, so that people may look at what helped then.

It compares words with the post-mortems of closed incidents; it never changes a ranking and proposes nothing.
"""

from bot.domain.evidence import Diagnosis, EvidenceRole, Precedent
from bot.domain.incident import Incident
from bot.domain.records import IncidentRow
from bot.domain.retrieval import index_of
from bot.ports import Transaction

MOST_PAST = 60  # Closed incidents that are read, newest first.
MOST_NEAR = 3
ALIKE = 0.25  # Share of the score that the text has with itself; below it only common words agree.
_MOST_CHARS = 8000


def recall(tx: Transaction, incident: Incident, diagnosis: Diagnosis) -> tuple[Precedent, ...]:
    """The nearest closed incidents, most alike first; none where nothing is alike."""
    past = [
        row for row in tx.all_incidents(limit=2 * MOST_PAST) if not row.state.open and row.id != incident.id
    ]
    rows = {row.id: row for row in past[:MOST_PAST]}
    asked = _words(incident, diagnosis)
    texts = {number: f"{row.title} {tx.postmortem(number)[:_MOST_CHARS]}" for number, row in rows.items()}
    scored = dict(index_of({**texts, incident.id: asked}).nearest(asked, most=MOST_PAST + 1))
    itself = scored.pop(incident.id, 0.0)
    found: list[Precedent] = []
    for number, score in scored.items():
        alike = min(1.0, score / itself) if itself > 0 else 0.0
        if alike >= ALIKE and len(found) < MOST_NEAR:
            found.append(_precedent(tx, rows[number], alike))
    return tuple(found)


def _precedent(tx: Transaction, row: IncidentRow, alike: float) -> Precedent:
    then = tx.incident(row.id)
    ranked = then.diagnosis.hypotheses if then is not None and then.diagnosis is not None else ()
    cause = f"{ranked[0].cause.value.replace('_', ' ')}: {ranked[0].service}" if ranked else ""
    return Precedent(row.id, f"INC-{row.number}", row.title, cause, round(alike, 3))


def _words(incident: Incident, diagnosis: Diagnosis) -> str:
    """Title, argument and evidence: the words that a post-mortem of this incident would hold too."""
    told = [item for item in diagnosis.evidence if item.role is not EvidenceRole.RULED_OUT]
    because = [text for one in diagnosis.hypotheses[:1] for text in one.because]
    return " ".join([incident.title, *because, *(f"{item.text} {item.quote}" for item in told)])
