"""How the workspace looks in Slack's JSON: users, channels, messages, files, views; pure functions."""

from bot.local.slackdouble.model import (
    APP,
    BOT,
    BOT_USER,
    TEAM,
    Channel,
    Group,
    Json,
    Message,
    StoredFile,
    User,
    View,
    Workspace,
)


def user(value: User) -> Json:
    """A user object."""
    return {
        "id": value.id,
        "team_id": value.team_id,
        "name": value.name,
        "real_name": value.real_name,
        "deleted": value.deleted,
        "tz": "Etc/UTC",
        "tz_offset": 0,
        "profile": {
            "real_name": value.real_name,
            "display_name": value.name,
            "email": f"{value.name}@example.com",
            **({"bot_id": value.bot_id} if value.bot_id else {}),
        },
        "is_admin": False,
        "is_owner": False,
        "is_restricted": value.is_restricted,
        "is_ultra_restricted": value.is_ultra_restricted,
        "is_bot": value.is_bot,
        "is_stranger": value.is_stranger,
        "is_app_user": False,
        "updated": 0,
    }


def channel(value: Channel) -> Json:
    """A conversation object as the bot sees it."""
    return {
        "id": value.id,
        "name": value.name,
        "name_normalized": value.name,
        "is_channel": True,
        "is_group": False,
        "is_im": False,
        "is_mpim": False,
        "is_private": False,
        "is_archived": False,
        "is_shared": False,
        "is_ext_shared": False,
        "is_org_shared": False,
        "is_pending_ext_shared": False,
        "is_general": value.is_general,
        "is_member": BOT_USER in value.members,
        "created": int(value.created),
        "creator": value.creator,
        "num_members": len(value.members),
        "topic": {"value": value.topic, "creator": value.creator, "last_set": int(value.created)},
        "purpose": {"value": value.purpose, "creator": value.creator, "last_set": int(value.created)},
    }


def group(value: Group) -> Json:
    """A user group object."""
    return {
        "id": value.id,
        "team_id": TEAM,
        "is_usergroup": True,
        "handle": value.handle,
        "name": value.name,
        "user_count": len(value.users),
        "users": list(value.users),
        "date_delete": 0,
    }


def file(workspace: Workspace, base_url: str, file_id: str) -> Json:
    """A file object."""
    value: StoredFile = workspace.files[file_id]
    address = f"{base_url}/files/{value.id}/{value.name}"
    return {
        "id": value.id,
        "name": value.name,
        "title": value.title,
        "mimetype": value.mimetype,
        "size": value.size,
        "created": int(value.created),
        "user": BOT_USER,
        "alt_txt": value.alt_text,
        "url_private": address,
        "url_private_download": address,
        "permalink": address,
        "channels": list(value.channels),
    }


def message(workspace: Workspace, value: Message, base_url: str, *, metadata: bool = False) -> Json:
    """A message object as chat.*, history and payloads carry it."""
    out: Json = {
        "type": "message",
        "ts": value.ts,
        "text": value.text,
        "team": TEAM,
    }
    optional = {
        "user": value.user,
        "bot_id": value.bot_id,
        "app_id": value.app_id,
        "username": value.username,
        "subtype": value.subtype,
        "client_msg_id": value.client_msg_id,
        "thread_ts": value.thread_ts,
        "blocks": value.blocks,
        "attachments": value.attachments,
        "metadata": value.metadata if metadata else None,
    }
    out.update({k: v for k, v in optional.items() if v})
    if value.edited_at is not None:
        out["edited"] = {"user": value.user, "ts": f"{value.edited_at:.6f}"}
    if value.files:
        out["files"] = [file(workspace, base_url, f) for f in value.files]
    if value.reactions:
        out["reactions"] = [{"name": k, "users": v, "count": len(v)} for k, v in value.reactions.items()]
    answers = _answers(workspace, value)
    if answers:
        out["thread_ts"] = value.ts
        out["reply_count"] = len(answers)
        out["latest_reply"] = answers[-1].ts
        out["reply_users"] = sorted({a.user for a in answers})
    return out


def _answers(workspace: Workspace, value: Message) -> list[Message]:
    room = workspace.channels.get(value.channel)
    if room is None:
        return []
    return [m for m in room.messages.values() if m.thread_ts == value.ts and m.ts != value.ts]


def view(value: View) -> Json:
    """A view object as views.* and payloads carry it."""
    return {
        "id": value.id,
        "team_id": TEAM,
        "app_id": APP,
        "bot_id": BOT,
        "app_installed_team_id": TEAM,
        "hash": value.hash,
        "root_view_id": value.root_id,
        "previous_view_id": value.previous_id,
        "type": value.body.get("type"),
        "title": value.body.get("title"),
        "submit": value.body.get("submit"),
        "close": value.body.get("close"),
        "blocks": value.body.get("blocks", []),
        "private_metadata": value.body.get("private_metadata", ""),
        "callback_id": value.body.get("callback_id", ""),
        "external_id": value.body.get("external_id", ""),
        "clear_on_close": bool(value.body.get("clear_on_close")),
        "notify_on_close": bool(value.body.get("notify_on_close")),
        "state": {"values": value.values},
    }
