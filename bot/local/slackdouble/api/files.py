"""The three-step upload (address, bytes, completion) and files.info; files live in memory and are served back."""

import mimetypes
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bot.local.slackdouble import posting, wire
from bot.local.slackdouble.api.call import Call, missing
from bot.local.slackdouble.double import Double, SlackError
from bot.local.slackdouble.model import BOT_USER, Json, StoredFile

_MOST = 50 * 1024 * 1024


def upload_url(call: Call) -> Json:
    """Announce a file and get the address that its bytes go to."""
    name, size = call.string("filename"), call.number("length", 0, _MOST)
    double = call.double
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    alt = call.optional("alt_txt") or call.optional("alt_text") or ""
    stored = StoredFile(
        double.workspace.next_id("F"), name, name, size, kind, alt_text=alt, created=double.clock.now()
    )
    double.workspace.files[stored.id] = stored
    return {"file_id": stored.id, "upload_url": f"{double.options.base_url}/upload/{stored.id}"}


def complete(call: Call) -> Json:
    """Finish uploads and, with a channel, share them in one message."""
    wanted: Any = call.data("files")
    if not isinstance(wanted, list) or not wanted:
        raise missing("files")
    found = [_complete(call, entry) for entry in wanted]
    channel = call.optional("channel_id")
    if channel is not None:
        _share(call, channel, found)
    base = call.double.options.base_url
    call.double.changed()
    return {"files": [wire.file(call.double.workspace, base, f.id) for f in found]}


def _complete(call: Call, entry: Any) -> StoredFile:
    stored = call.double.workspace.files.get(str(entry.get("id"))) if isinstance(entry, dict) else None
    if stored is None:
        raise SlackError("file_not_found")
    if len(stored.content) != stored.size:
        raise SlackError("file_upload_size_mismatch")
    stored.title = str(entry.get("title") or stored.name)
    stored.done = True
    return stored


def _share(call: Call, channel: str, found: list[StoredFile]) -> None:
    room = call.double.workspace.channels.get(channel)
    if room is None:
        raise SlackError("channel_not_found")
    if BOT_USER not in room.members:
        raise SlackError("not_in_channel")
    blocks = posting.checked_blocks(call.double, call.data("blocks"))
    text = call.optional("initial_comment") or ""
    message = posting.app_message(
        call.double, room, text, blocks, thread_ts=call.optional("thread_ts"), files=[f.id for f in found]
    )
    for stored in found:
        stored.channels.append(channel)
    posting.post(call.double, room, message)


def info(call: Call) -> Json:
    """One file."""
    file_id = call.string("file")
    if file_id not in call.double.workspace.files:
        raise SlackError("file_not_found")
    return {"file": wire.file(call.double.workspace, call.double.options.base_url, file_id)}


async def receive(double: Double, request: Request) -> Response:
    """Take the bytes of an announced file."""
    stored = double.workspace.files.get(str(request.path_params["file_id"]))
    if stored is None or stored.done:
        return PlainTextResponse("unknown upload", 404)
    body = await request.body()
    if len(body) != stored.size:
        return PlainTextResponse("length differs from the announced one", 400)
    stored.content = body
    return PlainTextResponse(f"OK - {len(body)}")


def serve(double: Double, file_id: str) -> Response:
    """Give the bytes back; a sandbox policy keeps an uploaded SVG or page from acting."""
    stored = double.workspace.files.get(file_id)
    if stored is None or not stored.done:
        return PlainTextResponse("unknown file", 404)
    headers = {"content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'"}
    return Response(stored.content, media_type=stored.mimetype, headers=headers)


METHODS = {
    "files.getUploadURLExternal": upload_url,
    "files.completeUploadExternal": complete,
    "files.info": info,
}
