"""conversations.*: make, find, fill and read channels."""

import re
from dataclasses import replace

from bot.local.slackdouble import wire
from bot.local.slackdouble.api.call import Call
from bot.local.slackdouble.double import SlackError
from bot.local.slackdouble.model import BOT_USER, Channel, Json, Message, replies, roots

_NAME = re.compile(r"[a-z0-9_\-\u00a1-\uffff]+")
_FORBIDDEN = re.compile(r"[A-Z\s.,!?'\"/()\[\]{}@#$%^&*+=;:<>|\\`~]")


def _page(call: Call, items: list[Json], key: str, most: int = 1000) -> Json:
    limit = call.number("limit", 100, most)
    cursor = call.optional("cursor")
    start = 0
    if cursor is not None:
        if not cursor.isdigit() or int(cursor) > len(items):
            raise SlackError("invalid_cursor")
        start = int(cursor)
    end = start + limit
    following = str(end) if end < len(items) else ""
    return {
        key: items[start:end],
        "has_more": bool(following),
        "response_metadata": {"next_cursor": following},
    }


def create(call: Call) -> Json:
    """A new public channel with the bot as its only member."""
    name = call.string("name")
    _check_name(name)
    if any(c.name == name for c in call.double.workspace.channels.values()):
        raise SlackError("name_taken")
    now = call.double.clock.now()
    room = Channel(call.double.workspace.next_id("C0LOCAL"), name, now, BOT_USER, members=[BOT_USER])
    call.double.workspace.channels[room.id] = room
    call.double.changed()
    return {"channel": wire.channel(room)}


def _check_name(name: str) -> None:
    if len(name) > 80:
        raise SlackError("invalid_name_maxlength")
    if _FORBIDDEN.search(name):
        raise SlackError("invalid_name_specials", detail="lower-case letters, digits, - and _ only")
    if not re.search(r"[^\-_]", name):
        raise SlackError("invalid_name_punctuation")
    if not _NAME.fullmatch(name):
        raise SlackError("invalid_name")


def listing(call: Call) -> Json:
    """All channels that the bot may know of, paged."""
    known = call.double.workspace.channels.values()
    rooms = [wire.channel(c) for c in known if not c.is_private or BOT_USER in c.members]
    return _page(call, rooms, "channels")


def info(call: Call) -> Json:
    """One channel."""
    return {"channel": wire.channel(call.channel())}


def set_topic(call: Call) -> Json:
    """Change the topic, at most 250 characters."""
    room = call.joined()
    topic = str(call.args.get("topic", ""))
    if len(topic) > 250:
        raise SlackError("too_long")
    room.topic = topic
    call.double.changed()
    return {"channel": wire.channel(room)}


def set_purpose(call: Call) -> Json:
    """Change the purpose, at most 250 characters."""
    room = call.joined()
    purpose = str(call.args.get("purpose", ""))
    if len(purpose) > 250:
        raise SlackError("too_long")
    room.purpose = purpose
    call.double.changed()
    return {"channel": wire.channel(room), "purpose": purpose}


def invite(call: Call) -> Json:
    """Bring people in; nobody is added when one of them is refused."""
    room = call.joined()
    wanted = call.names("users")
    if not wanted:
        raise SlackError("no_user")
    faults = [_invite_fault(call, room, user) for user in wanted]
    errors = [f for f in faults if f]
    if errors:
        raise SlackError(errors[0]["error"], errors=errors)
    room.members.extend(dict.fromkeys(wanted))
    call.double.changed()
    return {"channel": wire.channel(room)}


def _invite_fault(call: Call, room: Channel, user: str) -> Json | None:
    if user not in call.double.workspace.users or call.double.workspace.users[user].deleted:
        return {"user": user, "ok": False, "error": "user_not_found"}
    if user == BOT_USER:
        return {"user": user, "ok": False, "error": "cant_invite_self"}
    if user in room.members:
        return {"user": user, "ok": False, "error": "already_in_channel"}
    return None


def join(call: Call) -> Json:
    """The bot joins a public channel."""
    room = call.channel()
    if BOT_USER in room.members:
        return {"channel": wire.channel(room), "warning": "already_in_channel"}
    room.members.append(BOT_USER)
    call.double.changed()
    return {"channel": wire.channel(room)}


def _within(call: Call, messages: list[Message]) -> list[Message]:
    oldest, latest = call.optional("oldest"), call.optional("latest")
    inclusive = call.flag("inclusive")
    try:
        low = float(oldest) if oldest else 0.0
        high = float(latest) if latest else float("inf")
    except ValueError:
        raise SlackError("invalid_ts_oldest") from None
    return [m for m in messages if low < float(m.ts) < high or (inclusive and float(m.ts) in (low, high))]


def _read(call: Call, messages: list[Message]) -> list[Json]:
    metadata = call.flag("include_all_metadata")
    base = call.double.options.base_url
    return [wire.message(call.double.workspace, replace(m), base, metadata=metadata) for m in messages]


def history(call: Call) -> Json:
    """The channel's own messages, newest first."""
    room = call.joined()
    found = _within(call, roots(room))
    return _page(call, list(reversed(_read(call, found))), "messages", 999)


def thread(call: Call) -> Json:
    """A thread from its root on."""
    room = call.joined()
    root = call.message(room)
    top = root.thread_ts or root.ts
    if top not in room.messages:
        raise SlackError("thread_not_found")
    first, *others = replies(room, top)
    return _page(call, _read(call, [first, *_within(call, others)]), "messages")


def members(call: Call) -> Json:
    """Ids of the people in a channel."""
    room = call.channel()
    page = _page(call, [{"id": m} for m in room.members], "members")
    page["members"] = [m["id"] for m in page["members"]]
    return page


METHODS = {
    "conversations.create": create,
    "conversations.list": listing,
    "conversations.info": info,
    "conversations.setTopic": set_topic,
    "conversations.setPurpose": set_purpose,
    "conversations.invite": invite,
    "conversations.join": join,
    "conversations.history": history,
    "conversations.replies": thread,
    "conversations.members": members,
}
