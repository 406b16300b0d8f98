"""Is the disk full? Free storage where it was read; else the control plane's word and writes that have stopped."""

from bot.domain.databases import DatabaseEvent, DatabaseMetric
from bot.domain.diagnosis.docket import clock
from bot.domain.diagnosis.managed import lines
from bot.domain.diagnosis.managed.availability import recent
from bot.domain.diagnosis.managed.course import Course
from bot.domain.diagnosis.managed.verdict import Fact, Verdict
from bot.domain.diagnosis.managed.view import View, moved, ran, recorded
from bot.domain.diagnosis.managed.words import span, storage
from bot.domain.evidence import CauseClass, EvidenceKind, EvidenceRole

_FULL = r"ran out of storage|out of storage|storage[- ]full|storage (?:space )?(?:is )?(?:exhausted|critically low|low)|insufficient storage|no space left|disk (?:is )?full|low storage|free storage"
_GREW = r"storage.{0,60}(?:increased|extended|scaled|expanded|grown|completed|recovered|sufficient)|(?:increas|extend|scal|expand)\w* .{0,40}storage|autoscaling"
_SYMPTOMS = (
    "db.locks", "db.io_saturated", "db.connections_full", "db.gap", "db.storage_stalled", "db.memory", "db.replica_lag",
)  # fmt: skip


def full(view: View) -> Verdict | None:
    """Free storage is gone or nearly so and has not come back."""
    free, told = view.of(DatabaseMetric.FREE_STORAGE), recent(view, _FULL)
    stalled = writes_stalled(view)
    if free is None:
        return _without_metric(view, told, stalled)
    size = max(view.database.storage_bytes or 0.0, free.peak)
    if not _gone(free, size):
        return None
    text = f"free storage of {view.instance} fell from {storage(free.first)} to {storage(free.now)}"
    return _verdict(view, (moved(free, text), *_told(told), *stalled), 0.93)


def recovered(view: View) -> tuple[Fact, ...]:
    """Storage that was short and is not any more."""
    free, told = view.of(DatabaseMetric.FREE_STORAGE), recent(view, _FULL)
    if free is None:
        grown = [event for event in recent(view, _GREW) if told and event.at >= told[-1].at]
        return (recorded(grown[-1], EvidenceRole.RULED_OUT),) if grown and not writes_stalled(view) else ()
    size = max(view.database.storage_bytes or 0.0, free.peak)
    short = bool(told) or free.trough <= lines.STORAGE_LOW * size
    if _gone(free, size):
        return ()
    was = f" after {storage(free.trough)} at its lowest" if short and free.trough < 0.9 * free.now else ""
    text = f"storage space of {view.instance} is not short: {storage(free.now)} are free{was}"
    key = f"db metric {view.instance} storage fine"
    return (Fact(key, EvidenceKind.METRIC, EvidenceRole.RULED_OUT, text, free.times[-1], "database metrics"),)


def writes_stalled(view: View) -> tuple[Fact, ...]:
    """Facts that writes have stopped: hardly any are done, and each takes very long."""
    done, slow = view.of(DatabaseMetric.WRITE_IOPS), view.of(DatabaseMetric.WRITE_LATENCY)
    stopped = done is not None and done.fell(lines.STALLED)
    hanging = slow is not None and slow.now >= lines.SLOW_WRITE_S
    facts = []
    if done is not None and stopped:
        text = f"writes of {view.instance} fell from {done.peak:.0f} to {done.now:.0f} per second"
        facts.append(moved(done, text, EvidenceRole.MECHANISM))
    if slow is not None and hanging:
        facts.append(moved(slow, f"a write of {view.instance} takes {span(slow.now)}", EvidenceRole.SYMPTOM))
    return tuple(facts) if stopped or hanging else ()


def stalled_writes(view: View) -> Verdict | None:
    """Writes have stopped and nothing that was read says why."""
    facts = writes_stalled(view)
    if len(facts) < 2:
        return None
    return Verdict(
        "db.storage_stalled/1",
        view.database.service,
        view.instance,
        CauseClass.CAPACITY,
        f"writes of {view.instance} hang: its storage takes none any more",
        0.6,
        facts,
        ("the storage takes no more writes", "writing sessions wait", "callers time out"),
        explains=("db.locks", "db.io_saturated", "db.connections_full"),
        look=("free storage space of the instance", "the volume's health"),
    )


def _gone(free: Course, size: float) -> bool:
    if free.now <= max(lines.STORAGE_OUT * size, min(lines.STORAGE_LEAST, lines.STORAGE_LOW * size)):
        return True
    rate = (free.first - free.now) / max(1.0, free.times[-1] - free.times[0])
    falling = rate > 0 and free.values[-1] <= free.trough * 1.02 and free.now < 0.9 * free.first
    return falling and free.now <= lines.STORAGE_LOW * size and free.now / rate <= lines.STORAGE_HORIZON_S


def _without_metric(view: View, told: tuple[DatabaseEvent, ...], stalled: tuple[Fact, ...]) -> Verdict | None:
    grown = [event for event in recent(view, _GREW) if told and event.at >= told[-1].at]
    if not told or (grown and not stalled):
        return None
    return _verdict(view, (*_told(told), *stalled), 0.9 if stalled else 0.75)


def _told(events: tuple[DatabaseEvent, ...]) -> tuple[Fact, ...]:
    return tuple(recorded(event) for event in events[-3:])


def _verdict(view: View, facts: tuple[Fact, ...], sure: float) -> Verdict:
    writer = view.driving(writes=True)
    by = (ran(view, *writer, EvidenceRole.MECHANISM),) if writer else ()
    at = clock(facts[0].at)
    return Verdict(
        "db.storage_full/1",
        view.database.service,
        view.instance,
        CauseClass.CAPACITY,
        f"{view.instance} ran out of storage space at about {at}",
        sure,
        (*facts, *by),
        (
            "writes used up the storage space",
            "the engine cannot write any more",
            "writing sessions block and time out",
        ),
        explains=_SYMPTOMS,
        look=(
            "raise the allocated storage",
            "what grew: tables, logs held back by replication slots, temporary files",
        ),
    )
