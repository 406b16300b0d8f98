"""Are the sessions used up? Held by idle clients (a leaking pool) or by work that takes too long."""

import re

from bot.domain.databases import DatabaseMetric
from bot.domain.diagnosis.managed import lines
from bot.domain.diagnosis.managed.availability import recent
from bot.domain.diagnosis.managed.course import Course
from bot.domain.diagnosis.managed.verdict import Fact, Verdict
from bot.domain.diagnosis.managed.view import GUESSED, View, moved, ran, recorded, waited
from bot.domain.evidence import CauseClass, EvidenceKind, EvidenceRole

_REFUSED = r"remaining connection slots|too many (?:clients|connections)|connections? (?:was |were |are |may be |being )?(?:refused|rejected)|max_connections"
_TURNED_AWAY = re.compile(r"remaining connection slots|too many (?:clients|connections)", re.IGNORECASE)
_IDLE = r"ClientRead|ClientWrite|idle"


def used_up(view: View) -> Verdict | None:
    """The sessions stand at the ceiling, or clients are refused while nothing was measured that denies it."""
    course, refused = view.of(DatabaseMetric.CONNECTIONS), recent(view, _REFUSED)
    if course is None:
        held = (
            any("connection" in claim.lower() for claim in view.claims)
            and view.wait_share(_IDLE) >= lines.IDLE_SHARE
        )
        told = tuple(recorded(event) for event in refused[-2:])
        return _verdict(view, (), told, 0.7) if refused or held else None
    share = _share(view, course)
    if share is None or share < lines.FULL:
        # Without a known ceiling only refusals and growth together say that it was reached.
        unknown = view.ceiling is None or view.ceiling[1] == GUESSED
        turned_away = bool(refused) or any(_TURNED_AWAY.search(claim) for claim in view.claims)
        stands = course.grew(lines.SESSIONS_GREW) and course.now >= lines.SESSIONS_STAND * course.peak
        if not (unknown and turned_away and stands):
            return None
        share = None
        if not refused:
            text = (
                f"sessions of {view.instance} went from {course.first:.0f} to {course.now:.0f} and stay there"
            )
            return _verdict(view, (moved(course, text),), (), 0.6)
    said = f", {share * 100:.0f} % of max_connections" if share is not None else ""
    text = f"sessions of {view.instance} went from {course.first:.0f} to {course.now:.0f}{said}"
    return _verdict(view, (moved(course, text),), tuple(recorded(one) for one in refused[-2:]), 0.9)


def not_full(view: View) -> tuple[Fact, ...]:
    """How far the sessions are from the ceiling, where they are."""
    course = view.of(DatabaseMetric.CONNECTIONS)
    if course is None:
        return ()
    share = _share(view, course)
    if share is not None and share >= lines.FULL:
        return ()
    told = view.ceiling
    of = f" of {told[0]} ({told[1]})" if told else ""
    worth = (
        "; close enough to look at, and nobody was refused"
        if share is not None and share >= lines.NEAR_FULL
        else ""
    )
    text = f"sessions of {view.instance} are within normal bounds: {course.now:.0f}{of}{worth}"
    key = f"db metric {view.instance} connections fine"
    return (
        Fact(key, EvidenceKind.METRIC, EvidenceRole.RULED_OUT, text, course.times[-1], "database metrics"),
    )


def _share(view: View, course: Course) -> float | None:
    told = view.ceiling
    return max(course.now, course.values[-1]) / told[0] if told else None


def _verdict(view: View, measured: tuple[Fact, ...], told: tuple[Fact, ...], sure: float) -> Verdict:
    idle = view.wait_share(_IDLE)
    held = idle >= lines.IDLE_SHARE
    facts = [*measured, *told]
    if held:
        facts.append(
            waited(view, _IDLE, "Client:ClientRead: idle client sessions that wait for their client")
        )
    if view.busiest is not None:
        facts.append(ran(view, *view.busiest, EvidenceRole.MECHANISM))
    how = (
        "idle client sessions are held open and not given back: a connection pool leak"
        if held
        else "sessions are opened faster than their work ends"
    )
    first = (
        "clients open sessions and leave them idle"
        if held
        else "work holds its sessions longer, or more of it comes"
    )
    return Verdict(
        "db.connections_full/1",
        view.database.service,
        view.instance,
        CauseClass.DATABASE_LOAD,
        f"the connection slots of {view.instance} are used up: {how}",
        sure,
        tuple(facts),
        (first, "the connections reach max_connections", "new client sessions are refused"),
        explains=("db.cpu_full", "db.cpu_raised", "db.memory") if held else ("db.memory",),
        look=(
            "which application holds idle sessions, by user and host",
            "pool sizes, idle-in-transaction and idle-session timeouts",
        ),
    )
