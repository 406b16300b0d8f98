"""Do sessions wait for each other or for the disk? Locks, deadlocks, input and output, transaction ids."""

from bot.domain.databases import DatabaseMetric
from bot.domain.diagnosis.managed import lines
from bot.domain.diagnosis.managed.verdict import Fact, Verdict
from bot.domain.diagnosis.managed.view import View, moved, ran, waited
from bot.domain.diagnosis.managed.words import span
from bot.domain.evidence import CauseClass, EvidenceRole

_LOCKS = r"^lock:|:lock|tuple|transactionid|row lock"
_DISK = r"^io:|datafile|wal|buffer|checkpoint"


def locked(view: View) -> Verdict | None:
    """Most of the load waits for locks and there is more of it than before, or deadlocks keep coming."""
    share, load = view.wait_share(_LOCKS), view.of(DatabaseMetric.LOAD)
    dead = view.of(DatabaseMetric.DEADLOCKS)
    deadlocked = dead is not None and dead.now >= lines.DEADLOCKS and dead.grew(2.0)
    piled = load is not None and (load.grew(lines.BUSY_LOAD) or _more_than_cpus(view))
    if not deadlocked and not (share >= lines.LOCK_SHARE and piled):
        return None
    facts = []
    if share >= lines.LOCK_SHARE:
        facts.append(waited(view, _LOCKS, "waiting for locks that other sessions hold"))
    if dead is not None and deadlocked:
        facts.append(moved(dead, f"{view.instance} breaks {dead.now * 60:.1f} deadlocks a minute"))
    if view.busiest is not None:
        facts.append(ran(view, *view.busiest, EvidenceRole.MECHANISM))
    return Verdict(
        "db.locks/1",
        view.database.service,
        view.instance,
        CauseClass.DATABASE_LOAD,
        f"sessions of {view.instance} block each other: lock contention",
        0.75,
        tuple(facts),
        ("one transaction holds its locks too long", "others queue behind it", "callers time out"),
        explains=("db.connections_full",) if share >= lines.LOCK_SHARE else (),
        look=("the blocking transaction and who runs it", "open transactions by age"),
    )


def disk_slow(view: View) -> Verdict | None:
    """Requests queue at the disk, or each takes much longer than before, or its burst balance is gone."""
    facts = [*_queue(view), *_latency(view), *_balance(view)]
    if not facts:
        return None
    leading = view.busiest
    if leading is not None and leading[1] >= lines.LEADING:
        facts.append(ran(view, *leading, EvidenceRole.MECHANISM))
    if view.wait_share(_DISK) >= lines.LEADING:
        facts.append(waited(view, _DISK, "waiting for reads, writes and checkpoints", EvidenceRole.MECHANISM))
    return Verdict(
        "db.io_saturated/1",
        view.database.service,
        view.instance,
        CauseClass.DATABASE_LOAD
        if leading is not None and leading[1] >= lines.LEADING
        else CauseClass.CAPACITY,
        f"the disk of {view.instance} is at its limit",
        0.7,
        tuple(facts),
        (
            "more reading and writing than the volume allows",
            "requests queue at the disk",
            "queries slow down",
        ),
        explains=("db.locks", "db.connections_full", "db.cpu_raised"),
        look=("the volume's limits and burst balance", "the statement that reads or writes most"),
    )


def ids_short(view: View) -> Verdict | None:
    """Vacuum does not keep up with transaction ids."""
    used = view.of(DatabaseMetric.TRANSACTION_IDS)
    if used is None or used.now < lines.TRANSACTION_IDS:
        return None
    text = f"{view.instance} has used {used.now / 1e9:.2f} of 2.1 billion transaction ids"
    return Verdict(
        "db.transaction_ids/1",
        view.database.service,
        view.instance,
        CauseClass.CAPACITY,
        f"{view.instance} runs out of transaction ids: vacuum does not keep up",
        0.75,
        (moved(used, text),),
        ("vacuum does not keep up", "transaction ids are used up", "the engine will refuse writes"),
        look=("long transactions and abandoned replication slots", "autovacuum's settings and progress"),
    )


def _more_than_cpus(view: View) -> bool:
    load = view.of(DatabaseMetric.LOAD)
    return load is not None and view.size is not None and load.now > view.size.cpus


def _queue(view: View) -> list[Fact]:
    queue = view.of(DatabaseMetric.QUEUE_DEPTH)
    if queue is None or queue.now < lines.QUEUE or not queue.grew(2.0):
        return []
    return [
        moved(
            queue, f"{queue.now:.0f} requests queue at the disk of {view.instance}, before {queue.first:.1f}"
        )
    ]


def _latency(view: View) -> list[Fact]:
    facts = []
    for metric, word in (
        (DatabaseMetric.READ_LATENCY, "read"),
        (DatabaseMetric.WRITE_LATENCY, "write"),
        (DatabaseMetric.COMMIT_LATENCY, "commit"),
    ):
        course = view.of(metric)
        if course is not None and course.now >= lines.SLOW_IO_S and course.grew(lines.IO_GREW):
            facts.append(
                moved(
                    course,
                    f"a {word} of {view.instance} takes {span(course.now)}, before {span(course.first)}",
                )
            )
    return facts


def _balance(view: View) -> list[Fact]:
    left = view.of(DatabaseMetric.BURST_BALANCE)
    if left is None or left.now > lines.BURST_LEFT:
        return []
    return [moved(left, f"the burst balance of {view.instance} is down to {left.now:.0f} %")]
