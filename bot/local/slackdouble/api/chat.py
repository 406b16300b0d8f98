"""chat.*: post, edit, delete, whisper, link; plus pins and reactions on messages."""

from typing import Any

from bot.local.slackdouble import posting, wire
from bot.local.slackdouble.api.call import Call
from bot.local.slackdouble.double import SlackError
from bot.local.slackdouble.model import BOT_USER, Channel, Json


def _content(call: Call) -> tuple[str, list[Json], list[Json]]:
    blocks = posting.checked_blocks(call.double, call.data("blocks"))
    attachments = posting.checked_attachments(call.double, call.data("attachments"))
    text = posting.check_text(call.double, call.args.get("text"), blocks, attachments, call.method)
    return text, blocks, attachments


def _thread(call: Call, room: Channel) -> str | None:
    thread = call.optional("thread_ts")
    if thread is not None and thread not in room.messages:
        raise SlackError("thread_not_found" if call.method == "chat.postMessage" else "message_not_found")
    if thread is not None and room.messages[thread].thread_ts not in (None, thread):
        raise SlackError("cannot_reply_to_message")
    return thread


def _metadata(call: Call) -> Json | None:
    found: Any = call.data("metadata")
    if found is None:
        return None
    usable = isinstance(found, dict) and isinstance(found.get("event_type"), str)
    if not usable or not isinstance(found.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format")
    out: Json = found
    return out


def post_message(call: Call) -> Json:
    """Post into a channel or thread."""
    room = call.joined()
    text, blocks, attachments = _content(call)
    message = posting.app_message(
        call.double,
        room,
        text,
        blocks,
        attachments=attachments,
        thread_ts=_thread(call, room),
        metadata=_metadata(call),
        client_msg_id=call.optional("client_msg_id"),
    )
    call.double.counts["posts"] += 1
    posting.post(call.double, room, message)
    body = wire.message(call.double.workspace, message, call.double.options.base_url, metadata=True)
    return {"channel": room.id, "ts": message.ts, "message": body}


def update(call: Call) -> Json:
    """Edit one of the app's own messages."""
    room = call.channel()
    message = call.message(room)
    if message.user != BOT_USER:
        raise SlackError("cant_update_message")
    text, blocks, attachments = _content(call)
    metadata = _metadata(call)
    if metadata is not None:
        message.metadata = metadata
    posting.edit(call.double, message, text, blocks, attachments)
    call.double.counts["edits"] += 1
    body = wire.message(call.double.workspace, message, call.double.options.base_url, metadata=True)
    return {"channel": room.id, "ts": message.ts, "text": text, "message": body}


def delete(call: Call) -> Json:
    """Delete one of the app's own messages."""
    room = call.channel()
    message = call.message(room)
    if message.user != BOT_USER:
        raise SlackError("cant_delete_message")
    posting.delete(call.double, message)
    return {"channel": room.id, "ts": message.ts}


def post_ephemeral(call: Call) -> Json:
    """Show a message to one member of the channel."""
    room = call.joined()
    user = call.user()
    if user.id not in room.members:
        raise SlackError("user_not_in_channel")
    text, blocks, attachments = _content(call)
    note = posting.ephemeral(
        call.double, room.id, user.id, text, blocks, attachments=attachments, thread_ts=_thread(call, room)
    )
    return {"message_ts": posting.whisper(call.double, note).ts}


def permalink(call: Call) -> Json:
    """A stable link to a message, which the page opens."""
    room = call.channel()
    message = call.message(room, "message_ts")
    base = f"{call.double.options.base_url}/archives/{room.id}/p{message.ts.replace('.', '')}"
    if message.thread_ts and message.thread_ts != message.ts:
        base += f"?thread_ts={message.thread_ts}&cid={room.id}"
    return {"channel": room.id, "permalink": base}


def pin(call: Call) -> Json:
    """Pin a message to its channel."""
    room = call.joined()
    message = call.message(room, "timestamp")
    if message.ts in room.pins:
        raise SlackError("already_pinned")
    room.pins.append(message.ts)
    call.double.changed()
    return {}


def pins(call: Call) -> Json:
    """The pinned messages, newest pin first."""
    room = call.joined()
    base = call.double.options.base_url
    found = [room.messages[ts] for ts in reversed(room.pins)]
    return {
        "items": [
            {"type": "message", "channel": room.id, "message": wire.message(call.double.workspace, m, base)}
            for m in found
        ]
    }


def react(call: Call) -> Json:
    """Add the bot's reaction to a message."""
    room = call.joined()
    message = call.message(room, "timestamp")
    people = message.reactions.setdefault(call.string("name").strip(":"), [])
    if BOT_USER in people:
        raise SlackError("already_reacted")
    people.append(BOT_USER)
    call.double.changed()
    return {}


METHODS = {
    "chat.postMessage": post_message,
    "chat.update": update,
    "chat.delete": delete,
    "chat.postEphemeral": post_ephemeral,
    "chat.getPermalink": permalink,
    "pins.add": pin,
    "pins.list": pins,
    "reactions.add": react,
}
