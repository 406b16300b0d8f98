"""Are processors or memory used up, and by which statement?"""

from bot.domain.databases import DatabaseMetric
from bot.domain.diagnosis.docket import clock
from bot.domain.diagnosis.managed import lines
from bot.domain.diagnosis.managed.course import Course
from bot.domain.diagnosis.managed.verdict import Fact, Verdict
from bot.domain.diagnosis.managed.view import View, is_write, moved, ran
from bot.domain.diagnosis.managed.words import storage
from bot.domain.evidence import CauseClass, EvidenceKind, EvidenceRole

_FLUSH = r"checkpoint|walsync|walwrite|datafilesync|datafileflush|bgwriter|wal:"


def cpu_full(view: View) -> Verdict | None:
    """CPU stands at its limit for more than a spike."""
    course = view.of(DatabaseMetric.CPU)
    facts = _overloaded(view) if course is None else _at_limit(view, course)
    if not facts:
        return None
    facts += _reads(view)
    leading = view.busiest
    if leading is not None and leading[1] >= lines.LEADING:
        facts.append(ran(view, *leading))
        kind = "writing" if is_write(leading[0]) else "reading"
        how = f"one {kind} query takes {leading[1] * 100:.0f} % of the load"
    else:
        how = "no single query leads: more work, or each piece of it dearer"
    if view.wait_share(_FLUSH) >= lines.LEADING:
        how += "; checkpoints and log writes take their share"
    return Verdict(
        "db.cpu_full/1",
        view.database.service,
        view.instance,
        CauseClass.DATABASE_LOAD,
        f"CPU of {view.instance} is used up: {how} (Performance Insights)",
        0.85 if len(facts) > 1 else 0.7,
        tuple(facts),
        (how, "the processors are saturated", "every query waits for CPU and callers time out"),
        explains=("db.io_saturated", "db.locks"),
        look=(
            "the plan of the leading statement and a missing index",
            "who began to send it, and whether it can be held back",
        ),
    )


def cpu_raised(view: View) -> Verdict | None:
    """CPU rose without reaching its limit: a symptom at most, kept so that a cause can claim it."""
    course = view.of(DatabaseMetric.CPU)
    if course is None or _saturated(course) or course.now < 40 or not course.grew(lines.CPU_RAISED):
        return None
    text = (
        f"CPU of {view.instance} rose from {course.first:.0f} % to {course.now:.0f} % and is not at its limit"
    )
    return Verdict(
        "db.cpu_raised/1",
        view.database.service,
        view.instance,
        CauseClass.DATABASE_LOAD,
        f"CPU of {view.instance} rose",
        0.0,
        (moved(course, text, EvidenceRole.CONTEXT),),
    )


def pressed(view: View) -> Verdict | None:
    """Work piles up although nothing is at its limit: CPU high and risen, and more active sessions than it has."""
    course, load = view.of(DatabaseMetric.CPU), view.of(DatabaseMetric.LOAD)
    if course is None or load is None or course.now < lines.CPU_HIGH or not course.grew(lines.CPU_RAISED):
        return None
    crowded = view.size is not None and load.now > view.size.cpus
    if not crowded and not load.grew(lines.BUSY_LOAD):
        return None
    facts = [
        moved(course, f"CPU of {view.instance} rose from {course.first:.0f} % to {course.now:.0f} %"),
        moved(load, f"active sessions of {view.instance} rose from {load.first:.1f} to {load.now:.1f}"),
    ]
    leading = view.busiest
    if leading is not None and leading[1] >= lines.LEADING:
        facts.append(ran(view, *leading))
    return Verdict(
        "db.pressed/1",
        view.database.service,
        view.instance,
        CauseClass.DATABASE_LOAD,
        f"{view.instance} has more work than before and nears its limit",
        0.6,
        tuple(facts),
        ("more work, or dearer work", "sessions pile up", "queries slow down"),
        look=("the leading statement and who sends it",),
    )


def cpu_fine(view: View) -> tuple[Fact, ...]:
    """CPU that is not at its limit."""
    course = view.of(DatabaseMetric.CPU)
    if course is None or _saturated(course):
        return ()
    text = f"CPU of {view.instance} is not saturated: {course.now:.0f} %, {course.peak:.0f} % at its highest"
    key = f"db metric {view.instance} cpu fine"
    return (
        Fact(key, EvidenceKind.METRIC, EvidenceRole.RULED_OUT, text, course.times[-1], "database metrics"),
    )


def memory_short(view: View) -> Verdict | None:
    """Hardly any memory is free and it swaps, or it lost nearly all that was free."""
    free, swap = view.of(DatabaseMetric.FREE_MEMORY), view.of(DatabaseMetric.SWAP)
    if free is None:
        return None
    total = view.size.memory_bytes if view.size else None
    low = total is not None and free.now <= lines.MEMORY_LOW * total
    lost = free.now <= lines.MEMORY_LOST * free.first
    swaps = swap is not None and swap.now >= lines.SWAP_LEAST and swap.grew(lines.SWAP_GREW)
    if not (swaps and (low or lost)) and not (low and lost):
        return None
    text = f"free memory of {view.instance} fell from {storage(free.first)} to {storage(free.now)}"
    facts = [moved(free, text)]
    if swap is not None and swaps:
        facts.append(
            moved(swap, f"swap of {view.instance} grew to {storage(swap.now)}", EvidenceRole.MECHANISM)
        )
    return Verdict(
        "db.memory/1",
        view.database.service,
        view.instance,
        CauseClass.MEMORY,
        f"memory of {view.instance} is used up",
        0.8,
        tuple(facts),
        (
            "sessions need more memory than there is",
            "the instance swaps",
            "queries slow down or the engine is killed",
        ),
        explains=("db.io_saturated",),
        look=("memory per session and the number of sessions", "large sorts and hash joins"),
    )


def _saturated(course: Course) -> bool:
    above = sum(value >= lines.CPU_FULL for value in course.values) / len(course.values)
    return course.now >= lines.CPU_FULL and above >= lines.CPU_SHARE


def _at_limit(view: View, course: Course) -> list[Fact]:
    if not _saturated(course):
        return []
    at = clock(course.onset())
    text = f"CPU of {view.instance} went from {course.first:.0f} % to {course.now:.0f} % at {at}"
    return [moved(course, text)]


def _overloaded(view: View) -> list[Fact]:
    """Where CPU itself was not read: more sessions are active than there are processors, and they want CPU."""
    load, size = view.of(DatabaseMetric.LOAD), view.size
    if (
        load is None
        or size is None
        or load.now < 0.9 * size.cpus
        or view.wait_share("^cpu") < lines.LOCK_SHARE
    ):
        return []
    text = f"{load.now:.1f} sessions of {view.instance} are active on {size.cpus} processors, most of them on CPU"
    return [moved(load, text)]


def _reads(view: View) -> list[Fact]:
    reads = view.of(DatabaseMetric.READ_IOPS)
    if reads is None or reads.now < 1000 or view.wait_share("datafileread") <= 0:
        return []
    text = f"{view.instance} reads {reads.now:,.0f} blocks per second"
    return [moved(reads, text, EvidenceRole.MECHANISM)]
