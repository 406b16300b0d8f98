"""The workspace as plain data: people, channels, messages, files; pure reads only, no I/O and no Slack wire format."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

TEAM = "T0LOCAL"
APP = "A0WATCHKEEPER"
BOT_USER = "U0BOT"
BOT = "B0WATCHKEEPER"


@dataclass
class User:
    """One account of the workspace."""

    id: str
    name: str
    real_name: str
    is_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    deleted: bool = False
    team_id: str = TEAM
    bot_id: str | None = None


@dataclass
class Message:
    """One visible message or thread reply."""

    ts: str
    channel: str
    user: str
    text: str
    posted_at: float
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    thread_ts: str | None = None
    metadata: Json | None = None
    bot_id: str | None = None
    app_id: str | None = None
    username: str | None = None
    subtype: str | None = None
    client_msg_id: str | None = None
    edited_at: float | None = None
    edit_count: int = 0
    files: list[str] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Ephemeral:
    """A message that one person sees and nobody can edit through the chat methods."""

    ts: str
    channel: str
    user: str
    text: str
    at: float
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    thread_ts: str | None = None


@dataclass
class Channel:
    """A channel with its messages in order of ts; the bot knows of a private one only as its member."""

    id: str
    name: str
    created: float
    creator: str
    topic: str = ""
    purpose: str = ""
    is_general: bool = False
    is_private: bool = False
    members: list[str] = field(default_factory=list)
    pins: list[str] = field(default_factory=list)
    messages: dict[str, Message] = field(default_factory=dict)


@dataclass
class Group:
    """A user group, addressed as @handle."""

    id: str
    handle: str
    name: str
    users: list[str] = field(default_factory=list)


@dataclass
class StoredFile:
    """An uploaded file; `done` once the upload has been completed."""

    id: str
    name: str
    title: str
    size: int
    mimetype: str
    content: bytes = b""
    alt_text: str = ""
    done: bool = False
    channels: list[str] = field(default_factory=list)
    created: float = 0.0


@dataclass
class View:
    """An open modal (or a Home tab) of one person."""

    id: str
    user: str
    body: Json
    hash: str
    root_id: str
    previous_id: str | None = None
    values: Json = field(default_factory=dict)


@dataclass
class Workspace:
    """Everything that outlives a request."""

    users: dict[str, User] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    files: dict[str, StoredFile] = field(default_factory=dict)
    ephemerals: list[Ephemeral] = field(default_factory=list)
    reads: dict[str, dict[str, str]] = field(default_factory=dict)
    last_ts: float = 0.0
    last_number: int = 0

    def next_ts(self, now: float) -> str:
        """A message id: unix seconds with microseconds, unique and growing in this workspace."""
        self.last_ts = max(round(now, 6), round(self.last_ts + 0.000001, 6))
        return f"{self.last_ts:.6f}"

    def next_id(self, prefix: str) -> str:
        """A fresh id such as C0LOCAL0007."""
        self.last_number += 1
        return f"{prefix}{self.last_number:05d}"


def user_named(workspace: Workspace, name: str) -> User | None:
    """The person with this name or id."""
    return workspace.users.get(name) or next((u for u in workspace.users.values() if u.name == name), None)


def channel_named(workspace: Workspace, name: str) -> Channel | None:
    """The channel with this id or name, a leading # allowed."""
    bare = name.removeprefix("#")
    return workspace.channels.get(name) or next(
        (c for c in workspace.channels.values() if c.name == bare), None
    )


def replies(channel: Channel, thread_ts: str) -> list[Message]:
    """The thread's root followed by its replies."""
    return [m for m in channel.messages.values() if thread_ts in (m.ts, m.thread_ts)]


def roots(channel: Channel) -> list[Message]:
    """Messages of the channel itself, without thread replies."""
    return [m for m in channel.messages.values() if m.thread_ts in (None, m.ts)]
