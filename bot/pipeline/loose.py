"""loose: when many stories begin at once, the small ones share one incident until something connects them.

Nobody can read twenty new cards in a minute, and in a large system every storm has its noise. What is severe, and the
largest of the rest, get incidents of their own all the same; a loose end leaves as soon as the map, a change or the
same words connect it with anything.
"""

from collections.abc import Iterable, Mapping, Sequence

from bot.domain.alert import is_critical
from bot.domain.correlation import JOIN_WINDOW_S, Group
from bot.domain.incident import LOOSE_KEY, Severity
from bot.domain.records import IncidentRow
from bot.pipeline.declare import judge_services
from bot.pipeline.regroup import close_empty, move
from bot.pipeline.usual import EVERYDAY_KEY
from bot.ports import Transaction

# So many incidents may begin within so many seconds; what is severe is not counted out.
MOST_AT_ONCE = 10
AT_ONCE_S = 60.0
# One incident collects loose ends for so long, and only while they keep coming.
COLLECTS_S = 3600.0


def is_loose(row: IncidentRow) -> bool:
    """Whether an open incident collects loose ends, or did."""
    return row.open_key.startswith(LOOSE_KEY)


def loose_row(rows: Iterable[IncidentRow], now: float) -> IncidentRow | None:
    """The open incident that collects loose ends, if there is one."""
    return next(
        (
            row
            for row in rows
            if is_loose(row) and now - row.opened_at < COLLECTS_S and now - row.last_alert_at <= JOIN_WINDOW_S
        ),
        None,
    )


def told_apart(
    tx: Transaction, begun: Sequence[Group], loose: IncidentRow | None, now: float
) -> tuple[list[Group], list[Group]]:
    """Of groups that belong to no incident yet: those that get one each, and those that are loose ends."""
    if not begun:
        return [], []
    room = MOST_AT_ONCE - _begun_lately(tx, now)
    if len(begun) <= room and loose is None:
        return list(begun), []
    own = [group for group in begun if judge_services(group.by_service).severity <= Severity.SEV2]
    severe = set(map(id, own))
    collected = frozenset(loose.services) if loose is not None else frozenset()
    rest = [group for group in begun if id(group) not in severe]
    known = [group for group in rest if collected.issuperset(group.reasons)]
    rest = sorted([group for group in rest if not collected.issuperset(group.reasons)], key=_lightest_last)
    most = max(0, room - len(own))
    return own + rest[:most], known + rest[most:]


def draw_out(tx: Transaction, loose: str, drawn: Mapping[str, str], *, collecting: bool, now: float) -> None:
    """Services that were loose ends go where they belong; `drawn` names the incident of each.

    The incident is closed once it is empty, unless it is `collecting` others right now.
    """
    for incident in dict.fromkeys(drawn.values()):
        source, into = tx.incident_row(loose), tx.incident_row(incident)
        if source is None or into is None or not source.state.open or not into.state.open:
            continue
        services = [name for name in source.services if drawn.get(name) == incident]
        if services:
            move(tx, source, into, services, reason="newer alerts connect them with it", now=now)
    left = tx.incident_row(loose)
    if left is not None and left.state.open and not left.services and not collecting:
        close_empty(tx, left, now)


def _begun_lately(tx: Transaction, now: float) -> int:
    """Closed ones count too: those that were merged a moment ago were as many cards.

    Those from the future were stamped before a clock was set back, and are no more than that.
    """
    newest = tx.all_incidents(limit=2 * MOST_AT_ONCE)
    return sum(
        abs(now - row.opened_at) < AT_ONCE_S and row.open_key != EVERYDAY_KEY and not is_loose(row)
        for row in newest
    )


def _lightest_last(group: Group) -> tuple[bool, int, str]:
    alerts = group.alerts
    return not any(map(is_critical, alerts)), -len(alerts), min(group.reasons)
