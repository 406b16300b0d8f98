"""freeze: enter a freeze window, or end one early; the row that the gate and the executor read, and its event, together."""

from dataclasses import dataclass

from bot.domain.canonical import digest
from bot.domain.event import TENANT_CHAIN, EventType, NewEvent
from bot.domain.freeze import MOST_REASON_CHARS, FreezeWindow
from bot.domain.records import MessageKind
from bot.pipeline.switch import Switched, stored_scope
from bot.ports import Transaction


@dataclass(frozen=True, slots=True)
class FreezeOutcome:
    """`window` is None where nothing was entered; `reason` says how it went."""

    reason: Switched
    window: FreezeWindow | None = None


def freeze_in(
    tx: Transaction, scope: str, *, starts_at: float, ends_at: float, reason: str, by: str, now: float
) -> FreezeOutcome:
    """Freeze a scope from one moment to another, both in unix seconds; entering the same again changes nothing."""
    stored, _row = stored_scope(tx, scope)
    if isinstance(stored, Switched):
        return FreezeOutcome(stored)
    if not starts_at < ends_at or ends_at <= now:
        return FreezeOutcome(Switched.OVER)
    content = [stored, f"{starts_at:.3f}", f"{ends_at:.3f}", reason, by]
    window = FreezeWindow(digest(content)[:16], stored, starts_at, ends_at, reason[:MOST_REASON_CHARS], by)
    if tx.add_freeze(window):
        body = {
            "id": window.id,
            "scope": window.scope,
            "starts_at": window.starts_at,
            "ends_at": window.ends_at,
            "reason": window.reason,
            "by": by,
        }
        _tell(tx, NewEvent(EventType.FREEZE_ADDED, body), now)
    return FreezeOutcome(Switched.SET, window)


def lift_in(tx: Transaction, window_id: str, *, by: str, now: float) -> bool:
    """End a window now; False when there is none that still holds or is to come."""
    if not tx.lift_freeze(window_id, at=now):
        return False
    _tell(tx, NewEvent(EventType.FREEZE_LIFTED, {"id": window_id, "by": by}), now)
    return True


def _tell(tx: Transaction, event: NewEvent, now: float) -> None:
    tx.append(TENANT_CHAIN, [event], at_ms=round(now * 1000))
    for row in tx.open_incidents():
        if tx.message(row.id, MessageKind.PROPOSAL) is not None:
            tx.want_message(row.id, MessageKind.PROPOSAL, now=now)
