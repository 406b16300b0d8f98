"""Was it away? Failover, restart and maintenance, shown by events and confirmed by a hole in the metrics."""

from bot.domain.databases import DatabaseEvent, DatabaseMetric
from bot.domain.diagnosis.docket import clock
from bot.domain.diagnosis.managed import lines
from bot.domain.diagnosis.managed.course import Course
from bot.domain.diagnosis.managed.verdict import Fact, Verdict
from bot.domain.diagnosis.managed.view import View, moved, recorded
from bot.domain.evidence import CauseClass, EvidenceKind, EvidenceRole

_ALIVE = (DatabaseMetric.CONNECTIONS, DatabaseMetric.LOAD, DatabaseMetric.CPU, DatabaseMetric.WRITE_IOPS)
_AWAY = r"fail(?:ed)?[ -]?over|restart|reboot|shut ?down|crash|host replac|recovery of the db instance|maintenance window|patching|engine upgrade"
_FAILOVER = r"fail(?:ed)?[ -]?over|host replac|crash|recovery of the db instance"
_BACK = r"available|completed|finished|accepting connections|restarted"
_SYMPTOMS = ("db.gap", "db.io_saturated", "db.locks", "db.storage_stalled")


def interrupted(view: View) -> Verdict | None:
    """A recorded failover or restart with a hole in the metrics around it, or with no metric that could show one."""
    events = recent(view, _AWAY)
    if not events:
        return None
    hole = _hole(view, lines.GAP, around=events)
    if hole is None and any(metric in view.measured for metric in _ALIVE):
        return None
    return _verdict(view, events, hole)


def misleading(view: View) -> tuple[Fact, ...]:
    """Recorded restarts that left no hole: ruled out as the cause."""
    events = recent(view, _AWAY)
    alive = [metric for metric in _ALIVE if metric in view.measured]
    if not events or not alive or _hole(view, lines.GAP, around=events) is not None:
        return ()
    text = (
        f"{view.instance} kept serving through what was recorded at {clock(events[0].at)}: "
        f"no hole in {', '.join(metric.value for metric in alive)}"
    )
    key = f"db not away {view.instance}"
    return (
        Fact(
            key,
            EvidenceKind.CHANGE,
            EvidenceRole.RULED_OUT,
            text,
            events[0].at,
            "database events",
            events[0].text,
        ),
    )


def vanished(view: View) -> Verdict | None:
    """Sessions fell to nothing although no event says why."""
    course = view.of(DatabaseMetric.CONNECTIONS)
    if course is None or course.typical < 5 or course.trough > lines.GAP_ALONE * course.typical:
        return None
    lost_at = course.when(lambda value: value <= lines.GAP_ALONE * course.typical) or course.times[0]
    back = course.now > 0.5 * course.typical
    state = "and came back" if back else "and have not come back"
    text = f"sessions of {view.instance} fell from {course.typical:.0f} to {course.trough:.0f} at {clock(lost_at)} {state}"
    return Verdict(
        "db.gap/1",
        view.database.service,
        view.instance,
        CauseClass.INFRASTRUCTURE,
        f"{view.instance} lost all its sessions at once: the host, its network or its proxy was away",
        0.6,
        (moved(course, text),),
        (
            "the instance or the way to it was away",
            "all client sessions broke at the same time",
            "clients reconnect",
        ),
        look=("the host's health and recent network changes", "client reconnects and their back-off"),
    )


def recent(view: View, pattern: str) -> tuple[DatabaseEvent, ...]:
    """Events that match and are not from long before the window."""
    since = view.window[0] - lines.STALE_EVENT_S
    return tuple(event for event in view.events(pattern) if event.at >= since)


def _hole(view: View, share: float, *, around: tuple[DatabaseEvent, ...]) -> Course | None:
    for metric in _ALIVE:
        course = view.of(metric)
        if course is None or course.typical <= 0 or course.first <= 0:
            continue
        low = [
            at
            for at, value in zip(course.times, course.values, strict=True)
            if value <= share * course.typical
        ]
        if any(abs(at - event.at) <= lines.NEAR_EVENT_S for at in low for event in around):
            return course
    return None


def _verdict(view: View, events: tuple[DatabaseEvent, ...], hole: Course | None) -> Verdict:
    failover = any(event in events for event in view.events(_FAILOVER))
    back = [event for event in view.events(_BACK) if event.at >= events[0].at]
    what = "a failover to the standby" if failover else "a restart"
    reason = next((event.text for event in events if "reason" in event.text.lower()), "")
    facts = [recorded(event) for event in dict.fromkeys((*events, *back))][:6]
    ended = (
        "workload resumed normally"
        if back and (hole is None or hole.now > 0.5 * hole.typical)
        else "it is not back yet"
    )
    if hole is not None:
        text = f"{hole.metric.value.replace('_', ' ')} of {view.instance} fell from {hole.typical:.0f} to {hole.trough:.0f} and stands at {hole.now:.0f}"
        facts.append(moved(hole, text, EvidenceRole.SYMPTOM))
    multi = "Multi-AZ " if any("multi-az" in event.text.lower() for event in events) else ""
    first = (
        "health check failure on the primary host"
        if "health check" in reason.lower()
        else f"{multi}{what[2:]} was initiated"
    )
    return Verdict(
        "db.interrupted/1",
        view.database.service,
        view.instance,
        CauseClass.INFRASTRUCTURE,
        f"{multi}{what[2:]} of {view.instance}: events of the control plane are the primary evidence source; {ended}",
        0.93 if hole is not None else 0.75,
        tuple(facts),
        (
            first,
            f"{what} took {view.instance} out of service",
            "client sessions broke and reconnected",
            ended,
        ),
        explains=_SYMPTOMS,
        look=("how long clients took to reconnect", "why the control plane replaced or restarted the host"),
    )
