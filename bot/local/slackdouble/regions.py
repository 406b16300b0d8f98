"""What the page shows to one person: channels with unread marks, messages in groups, the thread, an open modal; pure."""

from dataclasses import dataclass

from bot.local.slackdouble.double import Double
from bot.local.slackdouble.model import Channel, Ephemeral, Json, Message, User, View, replies, roots

_GROUP_SECONDS = 300
_SHOWN = 250


@dataclass(frozen=True)
class Eyes:
    """Who looks at what."""

    user: User
    room: Channel
    thread: str | None = None


@dataclass(frozen=True)
class Line:
    """One message as the page shows it."""

    ts: str
    at: float
    who: str
    tone: int
    app: bool
    body: Message | Ephemeral
    channel: str
    whispered: bool = False
    compact: bool = False
    pinned: bool = False
    answers: int = 0
    answered_at: float = 0.0
    answerers: tuple[tuple[str, int], ...] = ()


def tone(name: str) -> int:
    """A stable avatar colour, 0 to 7."""
    return sum(map(ord, name)) % 8


def initials(name: str) -> str:
    """One or two characters for an avatar: oncall-2 is O2."""
    return name[:1].upper() + (name[-1] if len(name) > 1 and name[-1].isdigit() else "")


def _who(double: Double, message: Message) -> tuple[str, bool]:
    user = double.workspace.users.get(message.user)
    return message.username or (user.name if user else "unknown"), message.bot_id is not None


def _line(double: Double, room: Channel, message: Message, *, with_answers: bool) -> Line:
    who, app = _who(double, message)
    answers = [m for m in replies(room, message.ts) if m.ts != message.ts] if with_answers else []
    faces = dict.fromkeys(_who(double, a)[0] for a in answers)
    return Line(
        message.ts,
        message.posted_at,
        who,
        tone(who),
        app,
        message,
        room.id,
        pinned=message.ts in room.pins,
        answers=len(answers),
        answered_at=answers[-1].posted_at if answers else 0.0,
        answerers=tuple((name, tone(name)) for name in list(faces)[:4]),
    )


def _notes(double: Double, eyes: Eyes, *, thread: str | None) -> list[Line]:
    return [
        Line(e.ts, e.at, "watchkeeper", tone("watchkeeper"), True, e, e.channel, whispered=True)
        for e in double.workspace.ephemerals
        if e.channel == eyes.room.id and e.user == eyes.user.id and e.thread_ts == thread
    ]


def _grouped(lines: list[Line]) -> list[Line]:
    out: list[Line] = []
    for line in sorted(lines, key=lambda one: float(one.ts))[-_SHOWN:]:
        last = out[-1] if out else None
        same = last is not None and last.who == line.who and line.at - last.at < _GROUP_SECONDS
        plain = not (line.body.blocks or line.whispered or line.pinned)
        compact = bool(same and plain and last and not (last.body.blocks or last.whispered or last.answers))
        out.append(Line(**{**vars(line), "compact": compact}))
    return out


def channel_lines(double: Double, eyes: Eyes) -> list[Line]:
    """The channel's own messages and this person's ephemeral ones."""
    shown = [_line(double, eyes.room, m, with_answers=True) for m in roots(eyes.room)[-_SHOWN:]]
    return _grouped(shown + _notes(double, eyes, thread=None))


def thread_lines(double: Double, eyes: Eyes) -> list[Line]:
    """The open thread from its root on, or nothing."""
    if eyes.thread is None or eyes.thread not in eyes.room.messages:
        return []
    shown = [_line(double, eyes.room, m, with_answers=False) for m in replies(eyes.room, eyes.thread)]
    return _grouped(shown + _notes(double, eyes, thread=eyes.thread))


def side(double: Double, eyes: Eyes) -> list[Json]:
    """Channels with unread and mention marks for this person."""
    read = double.workspace.reads.get(eyes.user.id, {})
    group = "".join(f"<!subteam^{g.id}" for g in double.workspace.groups.values() if eyes.user.id in g.users)
    out = []
    for room in double.workspace.channels.values():
        since = float(read.get(room.id, 0))
        fresh = [m for m in room.messages.values() if float(m.ts) > since and m.user != eyes.user.id]
        called = [m for m in fresh if f"<@{eyes.user.id}>" in m.text or (group and group in m.text)]
        current = room.id == eyes.room.id
        out.append(
            {
                "id": room.id,
                "name": room.name,
                "current": current,
                "unread": bool(fresh) and not current,
                "mentions": 0 if current else len(called),
            }
        )
    return sorted(out, key=lambda c: (c["name"] not in ("alerts", "general"), c["name"]))


def mark_read(double: Double, eyes: Eyes) -> None:
    """Remember that this person has seen the channel up to now."""
    if eyes.room.messages:
        last = max(eyes.room.messages, key=float)
        double.workspace.reads.setdefault(eyes.user.id, {})[eyes.room.id] = last


def modal(double: Double, eyes: Eyes) -> View | None:
    """The topmost open view of this person."""
    mine = [v for v in double.views.values() if v.user == eyes.user.id]
    return mine[-1] if mine else None


def pinned(eyes: Eyes) -> list[Message]:
    """Pinned messages, newest pin first."""
    return [eyes.room.messages[ts] for ts in reversed(eyes.room.pins) if ts in eyes.room.messages]
