"""A diagnosis in plain sentences, each with the evidence that it rests on, as the set wants its free text."""

from bot.domain.evidence import CauseClass, Conclusion, Diagnosis, EvidenceRole, Hypothesis
from bot.domain.explain import decided_by

_MOST_RULED_OUT = 6
_MOST_RIVALS = 3


def long_explanation(diagnosis: Diagnosis) -> list[str]:
    """Sentences: verdict, grounds, path, what hurts, what was ruled out, what to do next, which rules spoke."""
    told = [_verdict(diagnosis)]
    if diagnosis.hypotheses:
        told += _grounds(diagnosis, diagnosis.hypotheses[0])
        told += _rivals(diagnosis)
    told += _ruled_out(diagnosis)
    told += [f"Could not be read: {gap}." for gap in diagnosis.missing[:3]]
    return [*told, decided_by(diagnosis)]


def _verdict(diagnosis: Diagnosis) -> str:
    if diagnosis.conclusion is Conclusion.NO_INCIDENT:
        return "No incident: everything that was read is within normal bounds; there is no failure."
    if diagnosis.conclusion is Conclusion.EXPECTED_LOAD:
        return "Expected load: nothing is broken."
    if not diagnosis.hypotheses:
        return "No cause was found: nothing that was read points anywhere."
    top = diagnosis.hypotheses[0]
    kind = "" if top.cause is CauseClass.UNKNOWN else f" ({top.cause.value.replace('_', ' ')})"
    if diagnosis.conclusion is Conclusion.CAUSE_FOUND:
        return f"Root cause: {top.service}{kind}, confidence {top.confidence:.2f}."
    return f"Not confident: the best guess is {top.service}{kind}, confidence {top.confidence:.2f}."


def _grounds(diagnosis: Diagnosis, top: Hypothesis) -> list[str]:
    told = list(top.because)
    texts = [
        item
        for item in diagnosis.evidence
        if item.id in top.evidence and item.role is not EvidenceRole.RULED_OUT
    ]
    for item in texts:
        quote = f": “{item.quote}”" if item.quote else ""
        told.append(f"[{item.id}] {item.text}{quote} ({item.source}).")
    if len(top.path) > 1:
        told.append(f"The trouble travels {' → '.join(top.path)}.")
    told += [f"Next: {step}." for step in top.look]
    return told


def _rivals(diagnosis: Diagnosis) -> list[str]:
    told = []
    for one in diagnosis.hypotheses[1 : 1 + _MOST_RIVALS]:
        first = one.because[0] if one.because else ""
        told.append(
            f"Also weighed, {one.confidence:.2f}: {one.service}, {one.cause.value.replace('_', ' ')}. {first}"
        )
    return told


def _ruled_out(diagnosis: Diagnosis) -> list[str]:
    found = [item for item in diagnosis.evidence if item.role is EvidenceRole.RULED_OUT]
    return [f"Ruled out: {item.text} [{item.id}]." for item in found[:_MOST_RULED_OUT]]
