"""The Chat port on Slack's Web API, synchronous, with no retries of its own: the outbox decides when to try again.

It also learns which younger blocks this workspace refuses and says those messages with older ones.
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.adapters.chat import _slack_errors as errors
from bot.adapters.chat._cache import Cache
from bot.adapters.chat._reply import Reply
from bot.adapters.chat._wire import Wire
from bot.blocks.ladder import droppable, render_for
from bot.domain.errors import Permanent, Retryable
from bot.ports import Clock
from bot.settings import Settings

EVENT_TYPE = "watchkeeper"
CACHE_S = 60.0
_TIMEOUT_S = 10
_HISTORY_PAGES = 3
_ID = re.compile(r"[CGD][A-Z0-9]{6,}")
_GROUP_ID = re.compile(r"S[A-Z0-9]{6,}")
_POINTER = re.compile(r"json-pointer:/blocks/(\d+)")
_INVITED_AT_ONCE = 30
_ALREADY = ("already_pinned", "already_in_channel", "cant_invite_self")
_Blocks = Sequence[Mapping[str, Any]]


class SlackChat:
    """One workspace. Safe to share between threads."""

    def __init__(self, client: WebClient, clock: Clock) -> None:
        self._wire = Wire(client)
        self._reply = Reply(client)
        self._users: Cache[Mapping[str, Any]] = Cache(clock, CACHE_S)
        self._rooms: Cache[Mapping[str, Any]] = Cache(clock, CACHE_S)
        self._members: Cache[tuple[str, ...]] = Cache(clock, CACHE_S)
        self._groups: Cache[str] = Cache(clock, CACHE_S)
        self._own: Cache[str] = Cache(clock, CACHE_S)
        self._refused: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def post(self, *, channel: str, thread_ts: str, text: str, blocks: _Blocks, dedupe: str) -> str:
        """Post and return the ts; Undecided when Slack may have taken it."""
        metadata = {"event_type": EVENT_TYPE, "event_payload": {"dedupe": dedupe}}
        fields = {
            "channel": channel,
            "text": text,
            "metadata": json.dumps(metadata),
            "unfurl_links": False,
            "unfurl_media": False,
            "link_names": False,
        }
        if thread_ts:
            fields["thread_ts"] = thread_ts
        answer = self._with_blocks("chat.postMessage", fields, blocks, effect=True)
        return str(answer["ts"])

    def update(self, *, channel: str, ts: str, text: str, blocks: _Blocks) -> None:
        """Edit a message of ours; edits may be repeated, so an unknown outcome is Retryable."""
        fields = {"channel": channel, "ts": ts, "text": text, "link_names": False}
        self._with_blocks("chat.update", fields, blocks, effect=False)

    def find_post(self, *, channel: str, thread_ts: str, dedupe: str) -> str | None:
        """The ts of the message of ours that carries this dedupe key, among the newest few hundred."""
        # Every app may write such metadata.
        own = self._own.get("", lambda: self.identity()[1])
        for message in self._messages(channel, thread_ts):
            metadata = message.get("metadata") or {}
            ours = message.get("user") == own and metadata.get("event_type") == EVENT_TYPE
            if ours and metadata.get("event_payload", {}).get("dedupe") == dedupe:
                return str(message["ts"])
        return None

    def ephemeral(
        self, *, channel: str, thread_ts: str, user: str, text: str, blocks: _Blocks, reply_url: str = ""
    ) -> None:
        """Tell one person something; not guaranteed by Slack. Undecided when it may have been shown.

        Where the bot is no member, it is said at `reply_url`, the secret address that came with what the person did.
        """
        fields: dict[str, Any] = {"text": text, **({"thread_ts": thread_ts} if thread_ts else {})}
        where = {"channel": channel, "user": user, "link_names": False}
        try:
            self._with_blocks("chat.postEphemeral", {**where, **fields}, blocks, effect=True)
        except errors.NotThere:
            if not reply_url:
                raise
            # Which younger blocks are refused is said in no answer there.
            shown = render_for(blocks, droppable(blocks))
            alone = {"response_type": "ephemeral", "replace_original": False}
            self._reply.send(reply_url, {**alone, **fields, **({"blocks": shown} if shown else {})})

    def open_view(self, *, trigger_id: str, view: Mapping[str, Any]) -> None:
        """Open a modal; the trigger lives three seconds."""
        self._call("views.open", {"trigger_id": trigger_id, "view": json.dumps(view)})

    def create_channel(self, *, name: str) -> str:
        """A channel of that name; one that the app can see already is used again."""
        try:
            return str(self._call("conversations.create", {"name": name})["channel"]["id"])
        except Permanent as error:
            if "name_taken" not in str(error):
                raise
        return self.channel_id(name)

    def invite(self, *, channel: str, users: Sequence[str]) -> None:
        """Bring people in, many at once; one by one where Slack refuses one of them, since it then adds nobody."""
        for at in range(0, len(users), _INVITED_AT_ONCE):
            some = users[at : at + _INVITED_AT_ONCE]
            try:
                self._call("conversations.invite", {"channel": channel, "users": ",".join(some)})
            except Permanent:
                for user in some:
                    self._tolerant("conversations.invite", {"channel": channel, "users": user})

    def set_topic(self, *, channel: str, topic: str) -> None:
        """Change the topic, at most 250 characters."""
        self._call("conversations.setTopic", {"channel": channel, "topic": topic[:250]})

    def pin(self, *, channel: str, ts: str) -> None:
        """Pin a message; a pinned one stays so."""
        self._tolerant("pins.add", {"channel": channel, "timestamp": ts})

    def group_members(self, group: str, *, fresh: bool = False) -> Sequence[str]:
        """User ids of a user group, given by handle or id; at most a minute old, read now where `fresh` asks."""
        return self._members.get(group, lambda: self._read_members(group), fresh=fresh)

    def user(self, user: str) -> Mapping[str, Any]:
        """Slack's user object; at most a minute old."""
        return self._users.get(user, lambda: dict(self._call("users.info", {"user": user})["user"]))

    def channel(self, channel: str) -> Mapping[str, Any]:
        """Slack's object of a channel given by id; at most a minute old."""
        return self._rooms.get(
            channel, lambda: dict(self._call("conversations.info", {"channel": channel})["channel"])
        )

    def group_id(self, group: str) -> str:
        """The id of a user group given by handle or id; Permanent when there is none."""
        if _GROUP_ID.fullmatch(group):
            return group
        return self._groups.get(group, lambda: self._read_group(group))

    def channel_id(self, name: str) -> str:
        """The id of a channel given by name or id; Permanent when the app cannot see one."""
        if _ID.fullmatch(name):
            return name
        wanted = name.removeprefix("#")
        for room in self._pages(
            "conversations.list", {"exclude_archived": "true", "limit": "200"}, "channels"
        ):
            if room.get("name") == wanted:
                return str(room["id"])
        message = f"there is no channel #{wanted} that the app can see"
        raise Permanent(message)

    def identity(self) -> tuple[str, str]:
        """(team id, bot user id) of the token."""
        answer = self._call("auth.test", {})
        return str(answer["team_id"]), str(answer["user_id"])

    def _tolerant(self, method: str, fields: Mapping[str, Any]) -> None:
        try:
            self._call(method, fields)
        except Permanent as error:
            if not any(word in str(error) for word in _ALREADY):
                raise

    def _read_group(self, group: str) -> str:
        handle = group.removeprefix("@")
        for found in self._call("usergroups.list", {})["usergroups"]:
            if found.get("handle") == handle and not found.get("date_delete"):
                return str(found["id"])
        message = f"there is no user group @{handle}; check WATCHKEEPER_APPROVER_GROUP"
        raise Permanent(message)

    def _read_members(self, group: str) -> tuple[str, ...]:
        answer = self._call("usergroups.users.list", {"usergroup": self.group_id(group)})
        return tuple(str(user) for user in answer["users"])

    def _messages(self, channel: str, thread_ts: str) -> Iterator[Mapping[str, Any]]:
        fields = {"channel": channel, "include_all_metadata": True, "limit": 200}
        if thread_ts:
            return self._pages("conversations.replies", {**fields, "ts": thread_ts}, "messages")
        return self._pages("conversations.history", fields, "messages")

    def _pages(self, method: str, fields: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
        cursor = ""
        for _ in range(_HISTORY_PAGES if key == "messages" else 50):
            answer = self._call(method, {**fields, **({"cursor": cursor} if cursor else {})})
            yield from answer[key]
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return

    def _with_blocks(
        self, method: str, fields: Mapping[str, Any], blocks: _Blocks, *, effect: bool
    ) -> Mapping[str, Any]:
        refused = self._refused
        while True:
            shown = render_for(blocks, refused)
            try:
                return self._call(method, {**fields, "blocks": json.dumps(shown)}, effect=effect)
            except _BlocksRefused as refusal:
                learned = self._learn(shown, refusal.pointers)
                if not learned - refused:
                    raise
                refused = learned

    def _learn(self, shown: _Blocks, pointers: Sequence[int]) -> frozenset[str]:
        """Remember the refused types; where Slack names no block, every younger one counts as refused."""
        named = [shown[at] for at in pointers if at < len(shown)] or list(shown)
        found = droppable(named) or droppable(shown)
        with self._lock:
            self._refused |= found
            return self._refused

    def _call(self, method: str, fields: Mapping[str, Any], *, effect: bool = False) -> Mapping[str, Any]:
        try:
            answer = self._wire.call(method, fields, repeatable=not effect)
        except SlackApiError as error:
            if errors.code_of(error) == "invalid_blocks":
                raise _BlocksRefused(method, errors.details_of(error)) from error
            raise errors.translated(method, error, effect=effect) from error
        except errors.BROKEN as error:
            raise errors.translated_break(method, error, effect=effect) from error
        if not isinstance(answer.data, dict):
            message = f"{method}: the answer is not JSON"
            raise Retryable(message)
        return answer.data


class _BlocksRefused(Permanent):
    """Slack refused the blocks; `pointers` are the places that it named."""

    def __init__(self, method: str, details: Sequence[str]) -> None:
        super().__init__(f"{method}: invalid_blocks; {'; '.join(details[:3])}")
        self.pointers = [int(found.group(1)) for line in details for found in _POINTER.finditer(line)]


def build(settings: Settings, clock: Clock) -> SlackChat:
    """The workspace of the settings; Permanent without a bot token."""
    settings.require("web", ["slack_bot_token"])
    token = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else ""
    return SlackChat(web_client(settings.slack_api_url, token), clock)


def web_client(base_url: str, token: str) -> WebClient:
    """A client that neither retries nor waits longer than ten seconds."""
    return WebClient(token=token, base_url=f"{base_url.rstrip('/')}/", timeout=_TIMEOUT_S, retry_handlers=[])
