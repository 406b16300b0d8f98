"""What an app may answer outside the Web API: acknowledgement payloads and response_url posts."""

from typing import Any

from bot.local.slackdouble import posting
from bot.local.slackdouble.double import (
    RESPONSE_URL_SECONDS,
    RESPONSE_URL_USES,
    Double,
    ResponseUrl,
    SlackError,
)
from bot.local.slackdouble.model import Json, Message, View


def slash_ack(double: Double, payload: Json, channel: str, user: str) -> None:
    """Show the text of a command's ack; SlackError when its blocks break a rule."""
    if not payload:
        return
    blocks = posting.checked_blocks(double, payload.get("blocks"))
    text = posting.check_text(double, payload.get("text"), blocks, payload.get("attachments"), "ack")
    if payload.get("response_type") == "in_channel":
        room = double.workspace.channels[channel]
        posting.post(double, room, posting.app_message(double, room, text, blocks))
    else:
        posting.whisper(double, posting.ephemeral(double, channel, user, text, blocks))


def view_ack(double: Double, payload: Json, view: View) -> dict[str, str]:
    """Carry out a view_submission's ack and return the field errors; SlackError for an ack that Slack refuses."""
    wanted = payload.get("response_action")
    if wanted is None:
        posting.close_view(double, view)
    elif wanted == "errors":
        errors = payload.get("errors")
        known = {b["block_id"] for b in view.body["blocks"] if b.get("type") == "input"}
        if not isinstance(errors, dict) or not errors or not set(errors) <= known:
            raise SlackError("invalid_ack", detail="errors must name input blocks of the view")
        return {str(k): str(v) for k, v in errors.items()}
    elif wanted == "update":
        posting.replace_view(double, view, payload.get("view"))
    elif wanted == "push":
        pushed = posting.new_view(double, view.user, payload.get("view"), view)
        double.views[pushed.id] = pushed
        double.changed()
    elif wanted == "clear":
        posting.close_view(double, view, whole_stack=True)
    else:
        raise SlackError("invalid_ack", detail=f"unknown response_action {wanted}")
    return {}


def respond(double: Double, key: str, body: Any) -> None:
    """One use of a response_url; SlackError when it is used up, expired or the content is refused."""
    found = double.response_urls.get(key)
    if found is None:
        raise SlackError("no_such_url")
    if double.clock.now() - found.at > RESPONSE_URL_SECONDS:
        raise SlackError("expired_url")
    if found.uses >= RESPONSE_URL_USES:
        raise SlackError("used_url")
    if not isinstance(body, dict):
        raise SlackError("invalid_payload")
    found.uses += 1
    double.calls["response_url"] += 1
    if body.get("delete_original"):
        _delete_original(double, found)
        return
    blocks = posting.checked_blocks(double, body.get("blocks"))
    text = posting.check_text(double, body.get("text"), blocks, body.get("attachments"), "response_url")
    original = _original(double, found)
    if body.get("replace_original") and original is not None:
        posting.edit(double, original, text, blocks, [])
    elif body.get("replace_original") and found.ephemeral:
        _replace_ephemeral(double, found, text, blocks)
    else:
        _new_answer(double, found, body, text, blocks)


def _original(double: Double, found: ResponseUrl) -> Message | None:
    room = double.workspace.channels[found.channel]
    return None if found.message_ts is None or found.ephemeral else room.messages.get(found.message_ts)


def _delete_original(double: Double, found: ResponseUrl) -> None:
    original = _original(double, found)
    if original is not None:
        posting.delete(double, original)
    kept = [e for e in double.workspace.ephemerals if not (found.ephemeral and e.ts == found.message_ts)]
    double.workspace.ephemerals[:] = kept
    double.changed()


def _replace_ephemeral(double: Double, found: ResponseUrl, text: str, blocks: list[Json]) -> None:
    for note in double.workspace.ephemerals:
        if note.ts == found.message_ts:
            note.text, note.blocks = text, blocks
    double.changed()


def _new_answer(double: Double, found: ResponseUrl, body: Json, text: str, blocks: list[Json]) -> None:
    room = double.workspace.channels[found.channel]
    thread = body.get("thread_ts")
    if body.get("response_type") == "in_channel":
        posting.post(double, room, posting.app_message(double, room, text, blocks, thread_ts=thread))
    else:
        note = posting.ephemeral(double, room.id, found.user, text, blocks, thread_ts=thread)
        posting.whisper(double, note)
