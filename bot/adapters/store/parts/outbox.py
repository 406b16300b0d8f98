"""Messages that should exist in Slack: wanted and sent revisions, so that superseded edits collapse by themselves."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, bindparam, case, func, literal_column, select, update

from bot.adapters.store import schema
from bot.adapters.store.parts.base import Part
from bot.domain.records import REFUSED, Message, MessageKind

_messages = schema.messages
_IN_THREAD = [kind.value for kind in MessageKind if kind not in (MessageKind.CARD, MessageKind.ANNOUNCEMENT)]
_FOLLOWS = [MessageKind.EVIDENCE.value, MessageKind.PROPOSAL.value]
_BEFORE_LONG_S = 3600.0
_SET_BACK_S = 60.0
_KINDS = [kind.value for kind in MessageKind]
_UNSENT = {
    "channel": "",
    "thread_ts": "",
    "ts": "",
    "wanted": 1,
    "sent": 0,
    "attempts": 0,
    "first_posted_at": 0.0,
    "in_doubt": False,
    "note": "",
}


class OutboxPart(Part):
    """`bot.ports.Outbox` in SQL."""

    def want_message(
        self, incident: str, kind: MessageKind, *, key: str = "", text: str = "", now: float
    ) -> int:
        """Ask for the message to exist and to show the newest state, from `now` on; returns its row id.

        One that nobody has seen or tried to post yet may be asked for earlier than before.
        """
        new = {"incident": incident, "kind": kind.value, "key": key, "text": text, "next_at": now}
        return int(self._run("want message", self._wanting, **new, **_UNSENT).scalar_one())

    def _wanting(self) -> Any:
        statement = self._upsert(_messages)
        new = statement.excluded
        sooner = (_messages.c.ts == "") & (_messages.c.next_at > new.next_at)
        # What was sent may go again after a second: one that waits longer was stamped before a clock was set back.
        set_back = _messages.c.next_at > new.next_at + _SET_BACK_S
        untouched = (_messages.c.attempts == 0) & (sooner | set_back)
        return statement.on_conflict_do_update(
            index_elements=["tenant", "incident", "kind", "key"],
            set_={
                "wanted": _messages.c.wanted + 1,
                "text": new.text,
                "next_at": case((untouched, new.next_at), else_=_messages.c.next_at),
            },
        ).returning(_messages.c.id)

    def due_messages(self, *, now: float, limit: int) -> Sequence[Message]:
        """What is due: cards that nobody has seen yet, then decisions, then whatever waits longest."""
        return [_message(row) for row in self._run("due messages", _due, now=now, most=limit)]

    def next_message_at(self) -> float | None:
        """When the next message is due, which may be past; None while every message shows what it should."""
        at = self._connection.execute(next_message(self._tenant)).scalar_one()
        return None if at is None else float(at)

    def waits_for_another(self, message: Message, *, now: float) -> bool:
        """Whether an older message of the same thread is not posted yet, though it will be before long.

        One that Slack refused, or that the incident has no room for, holds up nobody.
        """
        before = now + _BEFORE_LONG_S
        older = self._run("older message", _older, incident=message.incident, below=message.id, before=before)
        return older.first() is not None

    def message(self, incident: str, kind: MessageKind, *, key: str = "") -> Message | None:
        row = self._run("message", _one, incident=incident, kind=kind.value, key=key).one_or_none()
        return None if row is None else _message(row)

    def place_message(self, message_id: int, *, channel: str, thread_ts: str) -> None:
        self._run("place message", _placing, of_id=message_id, to_channel=channel, to_thread=thread_ts)

    def doubt_message(self, message_id: int) -> None:
        self._run("doubt message", _doubting, of_id=message_id)

    def sent_message(self, message_id: int, *, ts: str, revision: int, next_at: float, now: float) -> None:
        new = {"of_ts": ts, "revision": revision, "again_at": next_at, "now": now}
        self._run("sent message", _sending, of_id=message_id, **new)

    def delay_message(self, message_id: int, *, next_at: float, reason: str) -> None:
        self._run("delay message", _delaying, of_id=message_id, again_at=next_at, why=reason[:500])

    def posted_count(self, incident: str) -> int:
        return int(self._run("posted count", _posted, incident=incident).scalar_one())

    def withdraw_unseen(self, incident: str) -> bool:
        """Want none of its messages any more, unless one of them was posted or may have been; whether it was done."""
        mine = (_messages.c.tenant == self._tenant) & (_messages.c.incident == incident)
        # Held until this is committed: whoever is about to post one of them comes before, or finds it unwanted.
        rows = self._connection.execute(
            select(_messages.c.ts, _messages.c.in_doubt).where(mine).with_for_update()
        )
        if any(ts or in_doubt for ts, in_doubt in rows.all()):
            return False
        self._connection.execute(update(_messages).where(mine).values(wanted=_messages.c.sent))
        return True

    def leave_place(self, incident: str, *, now: float) -> bool:
        """The card becomes the announcement, evidence and proposal become a pointer; they keep their ids.

        So a post that is in doubt right now is still found again under the id that it was sent with.
        """
        mine = (_messages.c.tenant == self._tenant) & (_messages.c.incident == incident)
        sent = (_messages.c.ts != "") | _messages.c.in_doubt
        card = mine & sent & (_messages.c.kind == MessageKind.CARD.value)
        pointers = mine & sent & _messages.c.kind.in_(_FOLLOWS)
        again = {"wanted": _messages.c.wanted + 1, "next_at": now, "attempts": 0, "note": ""}
        moved = update(_messages).values(kind=MessageKind.MOVED.value, key=_messages.c.kind, **again)
        self._connection.execute(moved.where(pointers))
        if self.message(incident, MessageKind.ANNOUNCEMENT) is not None:
            return self._connection.execute(moved.where(card)).rowcount > 0
        line = update(_messages).values(kind=MessageKind.ANNOUNCEMENT.value, **again)
        return self._connection.execute(line.where(card)).rowcount > 0


def next_message(tenant: str) -> Select[Any]:
    """When the next message of `tenant` is due; NULL while every message shows what it should."""
    soonest = select(func.min(_messages.c.next_at)).where(_messages.c.tenant == tenant)
    return soonest.where(_messages.c.sent < _messages.c.wanted, _messages.c.kind.in_(_KINDS))


def _update() -> Any:
    here = (_messages.c.tenant == bindparam("of_tenant")) & (_messages.c.id == bindparam("of_id"))
    return update(_messages).where(here)


def _placing() -> Any:
    return _update().values(channel=bindparam("to_channel"), thread_ts=bindparam("to_thread"))


def _doubting() -> Any:
    return _update().values(in_doubt=True)


def _sending() -> Any:
    return _update().values(
        ts=bindparam("of_ts"),
        sent=bindparam("revision"),
        next_at=bindparam("again_at"),
        first_posted_at=func.coalesce(func.nullif(_messages.c.first_posted_at, 0.0), bindparam("now")),
        in_doubt=False,
        attempts=0,
    )


def _delaying() -> Any:
    tried = _messages.c.attempts + 1
    return _update().values(next_at=bindparam("again_at"), note=bindparam("why"), attempts=tried)


def _due() -> Any:
    unseen = (_messages.c.kind == MessageKind.CARD.value) & (_messages.c.ts == "")
    turn = case((unseen, 0), (_messages.c.kind == MessageKind.PROPOSAL.value, 1), else_=2)
    return (
        select(_messages)
        .where(
            _messages.c.tenant == bindparam("tenant"),
            _messages.c.next_at <= bindparam("now"),
            _messages.c.sent < _messages.c.wanted,
            _messages.c.kind.in_(_KINDS),
        )
        .order_by(turn, _messages.c.next_at, _messages.c.id)
        .limit(bindparam("most"))
    )


def _one() -> Any:
    return select(_messages).where(
        _of_incident(), _messages.c.kind == bindparam("kind"), _messages.c.key == bindparam("key")
    )


def _posted() -> Any:
    count = select(func.count(literal_column("1"))).select_from(_messages)
    return count.where(_of_incident(), _messages.c.ts != "")


def _older() -> Any:
    return (
        select(_messages.c.id)
        .where(
            _of_incident(),
            _messages.c.id < bindparam("below"),
            _messages.c.kind.in_(_IN_THREAD),
            _messages.c.ts == "",
            _messages.c.next_at < bindparam("before"),
            _messages.c.note.not_like(f"{REFUSED}%"),
        )
        .limit(1)
    )


def _of_incident() -> Any:
    here = _messages.c.tenant == bindparam("tenant")
    return here & (_messages.c.incident == bindparam("incident"))


def _message(row: Row[Any]) -> Message:
    return Message(
        id=row.id,
        incident=row.incident,
        kind=MessageKind(row.kind),
        channel=row.channel,
        thread_ts=row.thread_ts,
        ts=row.ts,
        wanted=row.wanted,
        sent=row.sent,
        attempts=row.attempts,
        first_posted_at=row.first_posted_at,
        text=row.text,
        in_doubt=row.in_doubt,
    )
