"""What changes channels: post, edit, delete, ephemerals and views, checked by the strict rules and told as events.

The Web API, response_url and acknowledgements all come through here, so a limit is written once.
"""

from typing import Any

from bot.local.slackdouble import wire
from bot.local.slackdouble.double import Double, SlackError
from bot.local.slackdouble.model import (
    APP,
    BOT,
    BOT_USER,
    Channel,
    Ephemeral,
    Json,
    Message,
    View,
)
from bot.local.slackdouble.strict.layout import check_blocks, check_view

_TEXT = 40_000
_PARENTS = ("elements", "child_blocks", "blocks")


def _numbered(double: Double, blocks: list[Json]) -> list[Json]:
    """The blocks with ids where the app left them out, as Slack fills them in."""

    def fill(value: Json, key: str) -> Json:
        out = {key: double.workspace.next_id("b" if key == "block_id" else "a"), **value}
        for parent in _PARENTS:
            if isinstance(out.get(parent), list) and out.get("type") in (
                "actions",
                "container",
                "context_actions",
            ):
                inner = "block_id" if parent == "child_blocks" else "action_id"
                out[parent] = [fill(v, inner) for v in out[parent]]
        for single in ("accessory", "element"):
            if isinstance(out.get(single), dict) and out[single].get("type") != "image":
                out[single] = fill(out[single], "action_id")
        return out

    return [fill(b, "block_id") for b in blocks]


def checked_blocks(double: Double, blocks: Any, surface: Any = "message") -> list[Json]:
    """The blocks as stored; SlackError invalid_blocks naming each fault."""
    if blocks is None:
        return []
    faults = check_blocks(blocks, surface)
    if not faults:
        faults = _missing_files(double, blocks)
    if faults:
        raise SlackError("invalid_blocks", errors=faults, response_metadata={"messages": faults})
    return _numbered(double, blocks)


def checked_attachments(double: Double, value: Any) -> list[Json]:
    """Legacy attachments as stored; SlackError for a wrong shape or blocks that break a rule."""
    if not value:
        return []
    if not isinstance(value, list) or len(value) > 20 or not all(isinstance(a, dict) for a in value):
        raise SlackError("invalid_attachments")
    return [{**a, "blocks": checked_blocks(double, a["blocks"])} if "blocks" in a else a for a in value]


def _missing_files(double: Double, blocks: list[Json]) -> list[str]:
    wanted = [
        (f"/blocks/{at}/slack_file", b["slack_file"].get("id"))
        for at, b in enumerate(blocks)
        if b.get("type") == "image" and "slack_file" in b
    ]
    return [
        f"[ERROR] invalid slack file [json-pointer:{path}]"
        for path, file_id in wanted
        if file_id is not None and not getattr(double.workspace.files.get(file_id), "done", False)
    ]


def check_text(double: Double, text: Any, blocks: list[Json], more: Any, where: str) -> str:
    """The text as stored; SlackError for none at all or too much, a warning for blocks without a fallback."""
    if text is not None and not isinstance(text, str):
        raise SlackError(
            "invalid_arguments", response_metadata={"messages": ["[ERROR] text must be a string"]}
        )
    if text and len(text) > _TEXT:
        raise SlackError("msg_too_long")
    if not text and not blocks and not more:
        raise SlackError("no_text")
    if not text and blocks:
        double.warn(f"{where}: blocks without a text fallback")
    return text or ""


def post(double: Double, room: Channel, message: Message) -> Message:
    """Add a message and tell the app's event stream."""
    room.messages[message.ts] = message
    tell_message(double, message)
    double.changed()
    return message


def app_message(double: Double, room: Channel, text: str, blocks: list[Json], **more: Any) -> Message:
    """A message by the app under test, ready for `post`."""
    now = double.clock.now()
    ts = double.workspace.next_ts(now)
    return Message(ts, room.id, BOT_USER, text, now, blocks, bot_id=BOT, app_id=APP, **more)


def tell_message(double: Double, message: Message, **over: Any) -> None:
    """Send message.channels when the bot is in the channel."""
    room = double.workspace.channels[message.channel]
    if BOT_USER not in room.members:
        return
    event = {
        **wire.message(double.workspace, message, double.options.base_url),
        "channel": message.channel,
        "channel_type": "channel",
        "event_ts": message.ts,
        **over,
    }
    double.send_event(event)


def edit(double: Double, message: Message, text: str, blocks: list[Json], attachments: list[Json]) -> None:
    """Replace a message's content in place and tell the app, as Slack does, with message_changed."""
    before = wire.message(double.workspace, message, double.options.base_url)
    message.text, message.blocks, message.attachments = text, blocks, attachments
    message.edited_at = double.clock.now()
    message.edit_count += 1
    after = wire.message(double.workspace, message, double.options.base_url)
    _tell_hidden(double, message, "message_changed", {"message": after, "previous_message": before})


def delete(double: Double, message: Message) -> None:
    """Take a message away."""
    room = double.workspace.channels[message.channel]
    room.messages.pop(message.ts, None)
    if message.ts in room.pins:
        room.pins.remove(message.ts)
    _tell_hidden(double, message, "message_deleted", {"deleted_ts": message.ts})


def _tell_hidden(double: Double, message: Message, subtype: str, more: Json) -> None:
    ts = f"{double.clock.now():.6f}"
    if BOT_USER in double.workspace.channels[message.channel].members:
        double.send_event(
            {
                "type": "message",
                "subtype": subtype,
                "hidden": True,
                "channel": message.channel,
                "channel_type": "channel",
                "ts": ts,
                "event_ts": ts,
                **more,
            }
        )
    double.changed()


def whisper(double: Double, note: Ephemeral) -> Ephemeral:
    """Show a message to one person only."""
    double.workspace.ephemerals.append(note)
    double.counts["ephemerals"] += 1
    double.changed()
    return note


def ephemeral(
    double: Double, channel: str, user: str, text: str, blocks: list[Json], **more: Any
) -> Ephemeral:
    """An ephemeral message, ready for `whisper`."""
    now = double.clock.now()
    return Ephemeral(double.workspace.next_ts(now), channel, user, text, now, blocks, **more)


def new_view(double: Double, user: str, body: Any, previous: View | None = None) -> View:
    """A checked view for this person; SlackError invalid_arguments naming each fault."""
    body = checked_view(double, body)
    view_id = double.workspace.next_id("V")
    root = previous.root_id if previous else view_id
    return View(
        view_id, user, body, f"{double.clock.now():.6f}.local", root, previous.id if previous else None
    )


def checked_view(double: Double, body: Any) -> Json:
    """The view as stored; SlackError when Slack would refuse it."""
    faults = check_view(body)
    if faults:
        raise SlackError("invalid_arguments", response_metadata={"messages": faults})
    return {**body, "blocks": _numbered(double, body["blocks"])}


def replace_view(double: Double, view: View, body: Any) -> View:
    """Put new content into an open view; typed values of surviving inputs stay."""
    view.body = checked_view(double, body)
    view.hash = double.workspace.next_id("h") + ".local"
    double.changed()
    return view


def close_view(double: Double, view: View, *, whole_stack: bool = False) -> None:
    """Close a view, or all views opened from the same root."""
    for other in list(double.views.values()):
        if other.id == view.id or (whole_stack and other.root_id == view.root_id):
            double.views.pop(other.id, None)
    double.changed()
