"""One Web API call: its arguments in any of Slack's encodings, and typed ways to read them."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from bot.local.slackdouble.double import Double, SlackError
from bot.local.slackdouble.model import BOT_USER, Channel, Json, Message, User, Workspace, channel_named


@dataclass
class Call:
    """A method's name and arguments, with the double that it acts on."""

    double: Double
    method: str
    args: Json
    token: str
    content_type: str

    def string(self, key: str, default: str | None = None) -> str:
        """A required text argument, or its default."""
        value = self.args.get(key, default)
        if value is None or value == "":
            if default is not None:
                return default
            raise missing(key)
        return str(value)

    def optional(self, key: str) -> str | None:
        """A text argument that may be absent."""
        value = self.args.get(key)
        return None if value in (None, "") else str(value)

    def flag(self, key: str) -> bool:
        """A boolean in JSON or form spelling."""
        return str(self.args.get(key, "")).lower() in ("true", "1")

    def number(self, key: str, default: int, most: int) -> int:
        """A bounded whole number."""
        try:
            value = int(self.args.get(key, default))
        except (TypeError, ValueError):
            raise missing(key) from None
        if not 1 <= value <= most:
            raise SlackError("invalid_limit")
        return value

    def names(self, key: str) -> list[str]:
        """A list, given as JSON or separated by commas."""
        value = self.args.get(key)
        if isinstance(value, list):
            return [str(v) for v in value]
        return [v for v in str(value or "").split(",") if v]

    def data(self, key: str) -> Any:
        """A JSON argument, which forms carry as text; SlackError when it does not parse."""
        value = self.args.get(key)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise SlackError(
                "invalid_blocks_format" if key == "blocks" else "invalid_arguments",
                response_metadata={"messages": [f"[ERROR] {key} is not valid JSON [json-pointer:/{key}]"]},
            ) from None

    def channel(self, key: str = "channel") -> Channel:
        """The channel argument by id."""
        named = self.method == "chat.postMessage"
        find = channel_named if named else _by_id
        room = find(self.double.workspace, self.string(key))
        if room is None or (room.is_private and BOT_USER not in room.members):
            raise SlackError("channel_not_found")
        return room

    def joined(self) -> Channel:
        """The channel argument, which the bot must be in."""
        room = self.channel()
        if BOT_USER not in room.members:
            raise SlackError("not_in_channel")
        return room

    def user(self, key: str = "user") -> User:
        """The user argument by id."""
        found = self.double.workspace.users.get(self.string(key))
        if found is None:
            raise SlackError("user_not_found")
        return found

    def message(self, room: Channel, key: str = "ts") -> Message:
        """The message argument by ts."""
        found = room.messages.get(self.string(key))
        if found is None:
            raise SlackError("message_not_found")
        return found


def _by_id(workspace: Workspace, key: str) -> Channel | None:
    return workspace.channels.get(key)


def missing(key: str) -> SlackError:
    """The refusal for an absent or unusable argument."""
    return SlackError(
        "invalid_arguments",
        response_metadata={"messages": [f"[ERROR] missing required field: {key} [json-pointer:/{key}]"]},
    )


async def read_args(request: Request) -> Json:
    """Query, form and JSON arguments merged; SlackError when a JSON body does not parse."""
    args: Json = dict(request.query_params)
    body = await request.body()
    kind = request.headers.get("content-type", "")
    if not body:
        return args
    if kind.startswith("application/json"):
        try:
            loaded = json.loads(body)
        except ValueError:
            raise SlackError("invalid_json") from None
        if not isinstance(loaded, dict):
            raise SlackError("json_not_object")
        args.update(loaded)
    elif kind.startswith("application/x-www-form-urlencoded"):
        args.update(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    else:
        raise SlackError("invalid_post_type")
    return args
