"""What caused it? The answer of an investigation in a few safe lines, in each of its variants.

Every sentence shown cites evidence that exists; a sentence that does not is dropped here, whoever wrote it.
"""

from bot.blocks.text import code, safe
from bot.domain.evidence import CauseClass, Conclusion, Diagnosis, Evidence, EvidenceRole, Hypothesis
from bot.domain.incident import Incident

HIGH, MEDIUM = 0.8, 0.6
WORKING = "investigating"
COUNTED = "only counted, not looked into"
_RIVAL_SHARE = 0.7
_CAUSE_WORDS = {
    CauseClass.DEPLOY: "a deploy",
    CauseClass.CONFIGURATION: "a configuration change",
    CauseClass.CAPACITY: "too little capacity",
    CauseClass.MEMORY: "exhausted memory",
    CauseClass.DEPENDENCY: "a dependency",
    CauseClass.DATABASE_LOAD: "database load",
    CauseClass.NETWORK: "the network",
    CauseClass.INFRASTRUCTURE: "infrastructure",
    CauseClass.SECURITY: "a security finding",
    CauseClass.PLANNED: "a planned event",
    CauseClass.UNKNOWN: "unknown",
}


def cause_words(cause: CauseClass) -> str:
    """The class of a cause in plain words."""
    return _CAUSE_WORDS[cause]


def named(hypothesis: Hypothesis) -> str:
    """The service and the kind of cause, where that is known."""
    kind = f" — {cause_words(hypothesis.cause)}" if hypothesis.cause is not CauseClass.UNKNOWN else ""
    return f"{code(hypothesis.service, 60)}{kind}"


def confidence_words(confidence: float) -> str:
    """A word and the number, because neither says enough alone."""
    word = "high" if confidence >= HIGH else "medium" if confidence >= MEDIUM else "low"
    return f"{word} confidence ({confidence:.2f})"


def top_cause(incident: Incident) -> Hypothesis | None:
    """The cause, where the investigation is sure of one."""
    diagnosis = incident.diagnosis
    if diagnosis is None or diagnosis.conclusion is not Conclusion.CAUSE_FOUND or not diagnosis.hypotheses:
        return None
    return diagnosis.hypotheses[0]


def expected(incident: Incident) -> bool:
    """Whether the investigation says that the load was to be expected."""
    diagnosis = incident.diagnosis
    return diagnosis is not None and diagnosis.conclusion is Conclusion.EXPECTED_LOAD


def answered(incident: Incident) -> bool:
    """Whether an investigation has ended with a ranking or a verdict."""
    diagnosis = incident.diagnosis
    return diagnosis is not None and bool(diagnosis.engine or diagnosis.hypotheses)


def headline(incident: Incident) -> str:
    """What is known about the cause in a few words, for the lock screen."""
    top = top_cause(incident)
    if top is not None:
        return f"cause found: {safe(top.service, 60)}"
    if not incident.looked_into:
        return COUNTED
    if incident.diagnosis is not None and answered(incident):
        if incident.diagnosis.conclusion is Conclusion.EXPECTED_LOAD:
            return "expected load, nothing is broken"
        if not incident.investigating:
            return "cause not clear, a human must look"
    return WORKING


def lines(incident: Incident) -> list[str]:
    """The paragraph under the question."""
    diagnosis = incident.diagnosis
    if not incident.looked_into:
        return _only_counted(incident)
    if diagnosis is None or not answered(incident):
        return _working(incident)
    if diagnosis.conclusion is Conclusion.EXPECTED_LOAD:
        return _expected(incident, diagnosis)
    if diagnosis.conclusion is Conclusion.NO_INCIDENT:
        return ["Nothing is wrong any more: no signal is outside its normal range.", *_again(incident)]
    if diagnosis.conclusion is Conclusion.CAUSE_FOUND and diagnosis.hypotheses:
        return _found(incident, diagnosis)
    if _rivals(diagnosis):
        return _two(incident, diagnosis)
    return _unsure(incident, diagnosis)


def _only_counted(incident: Incident) -> list[str]:
    """Nobody looks into what maintenance covers, what fires on most days, nor into the loose ends of a storm."""
    if incident.planned_event:
        why = f"📅 *Planned maintenance* “{safe(incident.planned_event, 90)}”: these alerts are only counted while it lasts."
    elif incident.loose_ends:
        why = (
            "🧩 *Loose ends:* many incidents began within a minute; these small ones share a card. "
            "What something connects moves to its incident by itself; the rest is only counted."
        )
    else:
        why = "💤 *Alerts of every day:* they fire on most days at this rate and are only counted."
    return [why, "_Investigate again_ in the menu looks into them all the same."]


def _working(incident: Incident) -> list[str]:
    if incident.candidate:
        why = f" — {safe(incident.candidate_why, 240)}" if incident.candidate_why else ""
        return [
            f"⏳ *First candidate:* {code(incident.candidate, 60)}{why}",
            "_From alerts and topology alone; checking metrics, logs and changes now._",
        ]
    return ["⏳ _Checking metrics, logs, changes and topology …_"]


def _found(incident: Incident, diagnosis: Diagnosis) -> list[str]:
    top = diagnosis.hypotheses[0]
    first = f"*{named(top)}* · {confidence_words(top.confidence)}"
    return [first, *sentences(incident, top, 3), *_path(top), *_hurts(diagnosis), *_again(incident)]


def _two(incident: Incident, diagnosis: Diagnosis) -> list[str]:
    shown = ["⚖️ *Two explanations are close; a human must decide:*"]
    for hypothesis in diagnosis.hypotheses[:2]:
        because = cited(hypothesis.because[:1], hypothesis, diagnosis)
        shown.append(
            f"• {named(hypothesis)} ({hypothesis.confidence:.2f})" + (f": {because[0]}" if because else "")
        )
    first, second = diagnosis.hypotheses[:2]
    apart = [name for name in first.evidence if name not in second.evidence][:3]
    if apart:
        shown.append(f"What would tell them apart: whether {_ids(apart)} also holds for the second.")
    return [*shown, *_again(incident)]


def _unsure(incident: Incident, diagnosis: Diagnosis) -> list[str]:
    shown = ["❓ *Not confident enough to name a cause; please look.*"]
    if diagnosis.hypotheses:
        top = diagnosis.hypotheses[0]
        shown.append(f"Best guess so far: {named(top)} ({top.confidence:.2f})")
    ruled_out = [item for item in diagnosis.evidence if item.role is EvidenceRole.RULED_OUT][:3]
    if ruled_out:
        shown.append("Ruled out: " + "; ".join(f"{safe(item.text, 90)} [{item.id}]" for item in ruled_out))
    if diagnosis.missing:
        shown.append("Could not read: " + "; ".join(safe(gap, 80) for gap in diagnosis.missing[:3]))
    return [*shown, *_again(incident)]


def _expected(incident: Incident, diagnosis: Diagnosis) -> list[str]:
    event = f" “{safe(incident.planned_event, 90)}”" if incident.planned_event else ""
    shown = [f"📅 *Expected load:* this falls inside the planned event{event}. Nothing is broken."]
    if diagnosis.hypotheses:
        shown += sentences(incident, diagnosis.hypotheses[0], 2)
    return [*shown, *_again(incident)]


def _rivals(diagnosis: Diagnosis) -> bool:
    if len(diagnosis.hypotheses) < 2:
        return False
    first, second = diagnosis.hypotheses[:2]
    return first.confidence > 0 and second.confidence >= _RIVAL_SHARE * first.confidence


def _path(top: Hypothesis) -> list[str]:
    if len(top.path) < 2:
        return []
    return ["Spread: " + " → ".join(code(name, 40) for name in top.path[:5])]


def _hurts(diagnosis: Diagnosis) -> list[str]:
    """Whom it hurts and what it reads like, on one line."""
    found = diagnosis.classification
    parts = [f"Impact: {safe(found.severity_because, 90)}"] if found is not None and found.severity else []
    parts += [f"reads like {safe(one.key, 20)}" for one in diagnosis.precedents[:1]]
    return [" · ".join(parts)] if parts else []


def _again(incident: Incident) -> list[str]:
    return ["⏳ _Looking again with newer readings …_"] if incident.investigating else []


def sentences(incident: Incident, hypothesis: Hypothesis, most: int) -> list[str]:
    """The explanation's cited sentences, else the engine's own."""
    diagnosis = incident.diagnosis
    if diagnosis is None:
        return []
    known = {item.id for item in diagnosis.evidence}
    if incident.explanation is not None:
        told = [
            f"{safe(sentence.text, 280)} {_ids(sentence.cites)}"
            for sentence in incident.explanation.sentences
            if sentence.cites and set(sentence.cites) <= known
        ]
        if told:
            return told[:most]
    return cited(hypothesis.because[:most], hypothesis, diagnosis)


def cited(texts: tuple[str, ...], hypothesis: Hypothesis, diagnosis: Diagnosis) -> list[str]:
    """The engine's sentences with evidence ids; one that names none gets those of its hypothesis, or goes."""
    known = {item.id: item for item in diagnosis.evidence}
    shown = []
    for text in texts:
        named = _named_ids(text, known)
        fallback = [name for name in hypothesis.evidence if name in known][:3]
        if named:
            shown.append(safe(text, 280))
        elif fallback:
            shown.append(f"{safe(text, 280)} {_ids(fallback)}")
    return shown


def _named_ids(text: str, known: dict[str, Evidence]) -> list[str]:
    words = {word.strip("[](),.;:") for word in text.replace("][", "] [").split()}
    return sorted(words & known.keys())


def _ids(names: tuple[str, ...] | list[str]) -> str:
    return "".join(f"[{safe(name, 8)}]" for name in names)


def unread(incident: Incident) -> tuple[str, ...]:
    """Evidence that was asked for and not had."""
    return incident.diagnosis.missing if incident.diagnosis else ()
