"""Reads new lines of one service into its memory, and says what was never so before.

A template or query shape that began while enough was known, a known one whose share of the lines jumped, sessions
(lines that name the same long id) that wrote what no session wrote before, and known lines without what always came
before them.
"""

import re
from collections import Counter
from collections.abc import Hashable, Sequence

from bot.domain.logs.memory import MOST_SESSIONS, Memory, Thing, session_of
from bot.domain.logs.miner import Miner
from bot.domain.logs.queries import query_shape
from bot.domain.logs.sessions import QUANTILE, learn_kinds, verdicts
from bot.domain.redaction_screen import redactor
from bot.domain.telemetry import LogLine
from bot.domain.watch.finding import Finding, Kind

NEW_S = 600.0  # What began within this time is new.
PAST_S = 600.0  # So long something must have been read before its beginning tells anything.
RECENT_S = 120.0
LEAST_LINES = 3
LEAST_KNOWN = 20  # Lines without which nothing is known to be usual.
JUMP_LINES = 12
JUMP = 5.0  # Times its usual share of the lines...
JUMP_SPREADS = 8.0  # ...and this far outside of what chance gives.
LEAST_SESSIONS = 50
ODD_SESSIONS = 3
ODD_JUMP = 3.0  # Times as many as the service's own past lets expect...
ODD_SPREADS = 4.0  # ...and this far outside of what chance gives.
MOST_JUDGED = 5_000.0  # Requests in that past, about.
HALF_LINES = 6.0  # Lines at which the strength is one half.
MOST_CHARS = 600
_LONG_ID = re.compile(r"\b(?=[0-9a-f-]*\d)[0-9a-f]{8}(?:-?[0-9a-f]{4}){2,6}[0-9a-f]*\b")


def study(memory: Memory, lines: Sequence[LogLine], *, service: str, now: float) -> list[Finding]:
    """Learn the lines that the memory does not know yet, and return what is unusual about the last minutes."""
    fresh = sorted((line for line in lines if memory.until < line.at <= now), key=lambda line: line.at)
    if fresh:
        memory.since = min(memory.since, fresh[0].at) if memory.since else fresh[0].at
        memory.until = fresh[-1].at
    texts = _redacted([line.text[:MOST_CHARS] for line in fresh])
    named = _learn(memory, fresh, texts)
    found = _new(memory, memory.templates, Kind.TEMPLATE, service, now)
    found += _new(memory, memory.queries, Kind.QUERY, service, now)
    found += _jumps(memory, service, now)
    found += _odd_sessions(memory, fresh, texts, named, service)
    found += _disorder(memory, fresh, named, service, now)
    memory.bound()
    return found


def _redacted(texts: list[str]) -> list[str]:
    redact = redactor(frozenset(texts))
    return texts if redact is None else [redact(text) for text in texts]


def _learn(memory: Memory, fresh: Sequence[LogLine], texts: Sequence[str]) -> list[str]:
    """Count templates and shapes; the template of each line."""
    miner = Miner()
    before = {text: miner.know(text) for text in memory.templates}
    ids = miner.learn_all(texts)
    merged: dict[str, Thing] = {}
    for text, thing in memory.templates.items():
        merged.setdefault(miner.text(before[text]), Thing()).take(thing)
    memory.templates = merged
    memory.renamed({text: miner.text(template) for text, template in before.items()})
    named = [miner.text(template) for template in ids]
    for line, template, text in zip(fresh, named, texts, strict=True):
        memory.templates.setdefault(template, Thing()).see(line.at)
        shape = query_shape(text)
        if shape:
            memory.queries.setdefault(shape, Thing()).see(line.at)
    return named


def _new(memory: Memory, things: dict[str, Thing], kind: Kind, service: str, now: float) -> list[Finding]:
    began = max(now - NEW_S, memory.covered_at, memory.since + PAST_S)
    found = []
    for text, thing in things.items():
        lines = thing.since(now - RECENT_S)
        known = memory.lines - thing.count
        if thing.first_at >= began and lines >= LEAST_LINES and known >= LEAST_KNOWN:
            what = "a query shape" if kind is Kind.QUERY else "a kind of log line"
            words = f"{service} writes {what} that it never wrote before, {lines} times in two minutes"
            found.append(Finding(kind, service, lines / (lines + HALF_LINES), thing.first_at, words, text))
    return found


def _jumps(memory: Memory, service: str, now: float) -> list[Finding]:
    """By shares of all lines, since what is read of a busy service is a sample."""
    recent = {text: thing.since(now - RECENT_S) for text, thing in memory.templates.items()}
    total, past = sum(recent.values()), memory.lines - sum(recent.values())
    if past < LEAST_KNOWN * 5:
        return []
    found = []
    for text, lines in recent.items():
        thing = memory.templates[text]
        usual = (thing.count - lines + 1.0) / (past + 1.0)
        expected = total * usual
        far = (lines - expected) / (expected + 1.0) ** 0.5
        if thing.first_at < now - NEW_S and lines >= max(JUMP_LINES, JUMP * expected) and far >= JUMP_SPREADS:
            began = min(at for at in thing.times if at >= now - RECENT_S)
            words = f"{service} writes a kind of log line {lines / expected:.0f} times as often as usual"
            found.append(Finding(Kind.RATE, service, far / (far + 2 * JUMP_SPREADS), began, words, text))
    return found


def _too_many(memory: Memory, odd: int, judged: int) -> bool:
    """Whether more requests were odd than this service's own past lets expect; then they are part of the past."""
    expected = judged * (memory.odd + 1.0) / (memory.judged + 1.0 / (1.0 - QUANTILE))
    memory.odd, memory.judged = memory.odd + odd, memory.judged + judged
    if memory.judged > MOST_JUDGED:
        memory.odd, memory.judged = memory.odd / 2, memory.judged / 2
    far = (odd - expected) / (expected + 1.0) ** 0.5
    return odd >= max(ODD_SESSIONS, ODD_JUMP * expected) and far >= ODD_SPREADS


def _disorder(
    memory: Memory, fresh: Sequence[LogLine], named: Sequence[str], service: str, now: float
) -> list[Finding]:
    began = max(now - RECENT_S, memory.covered_at, memory.since + PAST_S)
    lines = [(line.at, template) for line, template in zip(fresh, named, strict=True)]
    found = memory.order.read(lines, began=began, now=now)
    if found is None:
        return []
    words = f"{service} wrote {found.lines} lines without the line that came before them nearly always"
    quote = f"{found.kind} (without: {found.forerunner})"
    strength = found.lines / (found.lines + HALF_LINES)
    return [Finding(Kind.ORDER, service, strength, found.since_at, words, quote)]


def _odd_sessions(
    memory: Memory, fresh: Sequence[LogLine], texts: Sequence[str], named: Sequence[str], service: str
) -> list[Finding]:
    """Sessions of this reading against those of all readings before it, which then remember these."""
    sessions: dict[str, list[str]] = {}
    began: dict[str, float] = {}
    for line, text, template in zip(fresh, texts, named, strict=True):
        found = _LONG_ID.search(text)
        if found:
            sessions.setdefault(found.group(), []).append(template)
            began.setdefault(found.group(), line.at)
    whole = {name: events for name, events in sessions.items() if len(events) > 1}
    odd: list[str] = []
    if sum(memory.sessions.values()) >= LEAST_SESSIONS:
        kinds: dict[tuple[Hashable, ...], int] = {
            tuple(kind.split("\n")): times for kind, times in memory.sessions.items()
        }
        known = learn_kinds(kinds, rare_kept=len(kinds) < MOST_SESSIONS)
        judged = verdicts(known, list(whole.values()))
        odd = [name for name, unusual in zip(whole, judged, strict=True) if unusual]
    for kind, times in Counter(map(session_of, whole.values())).items():
        memory.sessions[kind] = memory.sessions.get(kind, 0) + times
    if not _too_many(memory, len(odd), len(whole)) or len(odd) * 2 > len(whole):
        return []
    strength = len(odd) / (len(odd) + HALF_LINES)
    words = f"{len(odd)} requests in {service} left a trail of log lines that none left before"
    return [
        Finding(Kind.SESSION, service, strength, min(began[name] for name in odd), words, whole[odd[0]][-1])
    ]
