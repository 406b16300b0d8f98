"""Is a replica behind, and is that because the primary writes more than it can replay?"""

from bot.domain.databases import DatabaseEvent, DatabaseMetric
from bot.domain.diagnosis.managed import lines
from bot.domain.diagnosis.managed.availability import recent
from bot.domain.diagnosis.managed.course import Course
from bot.domain.diagnosis.managed.verdict import Fact, Verdict
from bot.domain.diagnosis.managed.view import View, moved, ran, recorded, waited
from bot.domain.diagnosis.managed.words import span
from bot.domain.evidence import CauseClass, EvidenceKind, EvidenceRole

_BEHIND = r"replica(?:tion)?\b.{0,60}(?:lag|behind|stopped|error|broken)|replay is behind"
_LOG_WAITS = r"wal|log file|binlog"
_STOPPED = r"replication (?:has )?(?:stopped|been terminated|error)|replication.{0,20}broken"


def behind(view: View) -> Verdict | None:
    """A replica is a minute or more behind and not catching up; or it is said to be and its metric is missing."""
    lag, told = view.lag, recent_about(view)
    surge = _surge(view)
    if lag is not None:
        if not _stands(lag):
            return None
        text = f"{lag.instance} went from {span(lag.first)} to {span(lag.now)} behind its primary"
        facts = [moved(lag, text, EvidenceRole.SYMPTOM)]
    elif told or (surge and _claimed(view)):
        facts = [recorded(event, EvidenceRole.SYMPTOM) for event in told[-2:]]
    else:
        return None
    return _verdict(view, facts, surge, measured=lag is not None)


def in_step(view: View) -> tuple[Fact, ...]:
    """A replica that keeps up."""
    lag = view.lag
    if lag is None or _stands(lag):
        return ()
    was = f" after {span(lag.peak)} at its highest" if lag.peak >= lines.LAG else ""
    text = f"replication keeps up: {lag.instance} is {span(lag.now)} behind{was}"
    key = f"db metric {lag.instance} lag fine"
    return (Fact(key, EvidenceKind.METRIC, EvidenceRole.RULED_OUT, text, lag.times[-1], "database metrics"),)


def recent_about(view: View) -> tuple[DatabaseEvent, ...]:
    """Recent events about a replica that is behind, of the instance and of its replicas."""
    since = view.window[0] - lines.STALE_EVENT_S
    return tuple(event for event in view.events(_BEHIND, about=view.database.replicas) if event.at >= since)


def _stands(lag: Course) -> bool:
    return lag.now >= lines.LAG and lag.now >= lines.LAG_STANDS * lag.peak


def _claimed(view: View) -> bool:
    return any("replica" in claim.lower() and "lag" in claim.lower() for claim in view.claims)


def _surge(view: View) -> list[Fact]:
    facts = []
    for metric, words in (
        (DatabaseMetric.LOG_RATE, "transaction log (WAL) of {0} grows at {1:,.0f} MiB/s, before {2:,.0f}"),
        (DatabaseMetric.WRITE_IOPS, "{0} writes {1:,.0f} blocks per second, before {2:,.0f}"),
    ):
        course = view.of(metric)
        if course is None or course.typical < lines.LOG_SURGE * max(course.first, 1e-9):
            continue
        unit = 2**20 if metric is DatabaseMetric.LOG_RATE else 1
        facts.append(moved(course, words.format(view.instance, course.typical / unit, course.first / unit)))
    if not facts and view.wait_share(_LOG_WAITS) >= lines.LEADING and view.driving(writes=True):
        facts.append(waited(view, _LOG_WAITS, "waiting for the transaction log (WAL) to be written"))
    return facts


def _verdict(view: View, lagging: list[Fact], surge: list[Fact], *, measured: bool) -> Verdict:
    writer = view.driving(writes=True)
    leads = writer is not None and writer[1] >= 0.25
    if writer is not None and leads:
        surge = [ran(view, *writer), *surge]
    stopped = recent(view, _STOPPED)
    if surge:
        how = "a write-heavy workload on the primary makes WAL faster than the replica replays it"
        first = "heavy writes on the primary" + (" by one statement" if leads else "")
        chain = (
            first,
            "the transaction log (WAL) grows faster than it is replayed",
            "the replica falls behind: stale reads",
        )
    elif stopped:
        how = "replication stopped"
        chain = ("replication stopped", "the replica stands still", "stale reads")
    else:
        how = "the primary writes no more than usual, so that the replica itself or its link is slow"
        chain = (
            "replay on the replica is slow or held up by long queries there",
            "the replica falls behind",
            "stale reads",
        )
    return Verdict(
        "db.replica_lag/1",
        view.database.service,
        view.instance,
        CauseClass.DATABASE_LOAD if surge else CauseClass.CAPACITY,
        f"replication lag: {how}",
        0.9 if measured and surge else 0.8 if surge else 0.7,
        (*surge, *lagging),
        chain,
        explains=("db.io_saturated", "db.cpu_raised"),
        apart=("db.cpu_raised",) if _reads_apart(view) else (),
        look=(
            "slow the writing job or cut it into smaller batches",
            "the replica's size and long queries on it",
        ),
    )


def _reads_apart(view: View) -> bool:
    """Whether a statement that only reads burns CPU beside the writes: then CPU is its doing."""
    reader = view.driving(writes=False)
    if reader is None or reader[1] < lines.BESIDE:
        return False
    busy = sum(wait.load for wait in reader[0].waits if wait.name.lower().startswith("cpu"))
    return busy >= 0.5 * reader[0].load
