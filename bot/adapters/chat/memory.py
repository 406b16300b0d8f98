"""The Chat port in memory: a workspace without Slack, for tests and replays. It keeps what a workspace would show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.domain.errors import Permanent
from bot.ports import Clock

_Blocks = Sequence[Mapping[str, Any]]


@dataclass
class Posted:
    """One message as a channel shows it."""

    channel: str
    ts: str
    thread_ts: str
    text: str
    blocks: list[dict[str, Any]]
    dedupe: str
    edits: int = 0


@dataclass
class MemoryChat:
    """Channels by id, people and groups as given; `shared` are channels that another workspace reads too.

    `whispers` are (channel, user, text).
    """

    clock: Clock
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    channels: dict[str, str] = field(default_factory=lambda: {"C0ALERTS": "alerts"})
    shared: set[str] = field(default_factory=set)
    topics: dict[str, str] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    posts: list[Posted] = field(default_factory=list)
    pins: set[tuple[str, str]] = field(default_factory=set)
    whispers: list[tuple[str, str, str]] = field(default_factory=list)
    views: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _last: float = 0.0

    def post(self, *, channel: str, thread_ts: str, text: str, blocks: _Blocks, dedupe: str) -> str:
        """Post and return the ts."""
        self._room("chat.postMessage", channel)
        if thread_ts and all(post.ts != thread_ts for post in self.posts):
            message = "chat.postMessage: thread_not_found"
            raise Permanent(message)
        self._last = max(self._last + 0.000001, self.clock.now())
        ts = f"{self._last:.6f}"
        self.posts.append(Posted(channel, ts, thread_ts, text, [dict(block) for block in blocks], dedupe))
        return ts

    def update(self, *, channel: str, ts: str, text: str, blocks: _Blocks) -> None:
        """Edit a message."""
        post = next((post for post in self.posts if (post.channel, post.ts) == (channel, ts)), None)
        if post is None:
            message = "chat.update: message_not_found"
            raise Permanent(message)
        post.text, post.blocks, post.edits = text, [dict(block) for block in blocks], post.edits + 1

    def find_post(self, *, channel: str, thread_ts: str, dedupe: str) -> str | None:
        """The ts of the message with this dedupe key."""
        self._room("conversations.history", channel)
        wanted = (channel, thread_ts, dedupe)
        found = (post for post in self.posts if (post.channel, post.thread_ts, post.dedupe) == wanted)
        return next((post.ts for post in found), None)

    def ephemeral(
        self, *, channel: str, thread_ts: str, user: str, text: str, blocks: _Blocks, reply_url: str = ""
    ) -> None:
        """Tell one person something, in a channel of others only where they gave an address for it."""
        if not reply_url:
            self._room("chat.postEphemeral", channel)
        self.whispers.append((channel, user, text))

    def open_view(self, *, trigger_id: str, view: Mapping[str, Any]) -> None:
        """Open a modal; each trigger works once."""
        if any(trigger_id == used for used, _ in self.views):
            message = "views.open: exchanged_trigger_id"
            raise Permanent(message)
        self.views.append((trigger_id, dict(view)))

    def create_channel(self, *, name: str) -> str:
        """A channel, or the one that has this name already."""
        known = {room: channel for channel, room in self.channels.items()}
        channel = known.get(name) or f"C0MEMORY{len(self.channels):03d}"
        self.channels[channel] = name
        return channel

    def invite(self, *, channel: str, users: Sequence[str]) -> None:
        """Bring people in; those who are in stay."""
        self._room("conversations.invite", channel)
        self.members.setdefault(channel, set()).update(users)

    def set_topic(self, *, channel: str, topic: str) -> None:
        """Change the topic."""
        self._room("conversations.setTopic", channel)
        self.topics[channel] = topic[:250]

    def pin(self, *, channel: str, ts: str) -> None:
        """Pin a message; a pinned one stays so."""
        if all((post.channel, post.ts) != (channel, ts) for post in self.posts):
            message = "pins.add: message_not_found"
            raise Permanent(message)
        self.pins.add((channel, ts))

    def group_members(self, group: str, *, fresh: bool = False) -> Sequence[str]:
        """User ids of a group."""
        if group not in self.groups:
            message = f"there is no user group @{group}"
            raise Permanent(message)
        return self.groups[group]

    def user(self, user: str) -> Mapping[str, Any]:
        """The user object."""
        if user not in self.people:
            message = "users.info: user_not_found"
            raise Permanent(message)
        return self.people[user]

    def channel(self, channel: str) -> Mapping[str, Any]:
        """The channel object."""
        self._room("conversations.info", channel)
        shared = channel in self.shared
        return {
            "id": channel,
            "name": self.channels[channel],
            "is_ext_shared": shared,
            "is_pending_ext_shared": False,
        }

    def _room(self, method: str, channel: str) -> None:
        if channel not in self.channels:
            message = f"{method}: channel_not_found"
            raise Permanent(message)
