"""Citations: a sentence about an incident stands only on evidence that exists and that supports its names and numbers.

The pass can only take away: sentences, never facts; it has no way to raise a confidence or to name a new cause.
"""

import re
from collections.abc import Iterable

from bot.domain.evidence import Diagnosis, Evidence, Explanation, Sentence

MOST_SENTENCES = 8
MOST_CHARS = 400
_BRACKETED = re.compile(r"\s*\[E\d+(?:\s*,\s*E\d+)*\]")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")
_ID = re.compile(r"\bE\d+\b")
# Small counts ("two of 3 services") are words of the language rather than readings.
_SMALL = 3.0
_TOLERANCE = 0.05


def engine_sentences(diagnosis: Diagnosis) -> tuple[Sentence, ...]:
    """The engine's own argument for its best hypothesis as cited sentences."""
    if not diagnosis.hypotheses:
        return ()
    known = {item.id for item in diagnosis.evidence}
    found = []
    for text in diagnosis.hypotheses[0].because:
        cites = tuple(number for number in dict.fromkeys(_ID.findall(text)) if number in known)
        if cites:
            found.append(Sentence(_BRACKETED.sub("", text).strip(), cites))
    return tuple(found)


def engine_explanation(
    diagnosis: Diagnosis, status: str, *, dropped: int = 0, prompt_sha256: str = ""
) -> Explanation:
    """What is shown when no model spoke, or none that could be believed."""
    return Explanation("engine", status, engine_sentences(diagnosis), dropped, prompt_sha256)


def checked(sentences: Iterable[Sentence], diagnosis: Diagnosis) -> tuple[tuple[Sentence, ...], int]:
    """The sentences that may be shown, and how many were dropped.

    Dropped are: no or unknown ids, a service that the cited evidence does not speak of, a number it does not hold.
    """
    evidence = {item.id: item for item in diagnosis.evidence}
    services = {item.service for item in diagnosis.evidence} | {h.service for h in diagnosis.hypotheses}
    kept: list[Sentence] = []
    dropped = 0
    for sentence in sentences:
        cited = [evidence[number] for number in sentence.cites if number in evidence]
        complete = len(cited) == len(sentence.cites) > 0 and len(sentence.text) <= MOST_CHARS
        if complete and len(kept) < MOST_SENTENCES and _supported(sentence.text, cited, services):
            kept.append(sentence)
        else:
            dropped += 1
    return tuple(kept), dropped


def _supported(text: str, cited: list[Evidence], services: set[str]) -> bool:
    """Every known service that is named and every reading that is given stands in the cited evidence."""
    if not text.strip() or not set(_ID.findall(text)) <= {item.id for item in cited}:
        return False
    said = " ".join(f"{item.service} {item.text} {item.quote} {item.value}" for item in cited)
    named = [service for service in services if service and _mentions(text, service)]
    if any(not _mentions(said, service) for service in named):
        return False
    plain = text
    for service in sorted(services, key=len, reverse=True):
        plain = plain.replace(service, " ") if service else plain
    readings = [float(number) for number in _NUMBER.findall(said)]
    given = [float(number) for number in _NUMBER.findall(_ID.sub(" ", plain))]
    return all(number <= _SMALL or _among(number, readings) for number in given)


def _mentions(text: str, service: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(service)}(?![\w-])", text) is not None


def _among(number: float, readings: list[float]) -> bool:
    return any(abs(number - reading) <= _TOLERANCE * max(abs(reading), 1e-9) for reading in readings)
