"""A list of what is wrong and where, in the wording of Slack's response_metadata.messages."""

from dataclasses import dataclass, field
from typing import Any

from bot.local.slackdouble.model import Json


@dataclass
class Problems:
    """Collects messages and the ids that must be unique in one surface."""

    found: list[str] = field(default_factory=list)
    block_ids: set[str] = field(default_factory=set)
    action_ids: set[str] = field(default_factory=set)
    markdown_chars: int = 0
    charts: int = 0

    def add(self, path: str, what: str) -> None:
        """Record one fault at a JSON pointer."""
        self.found.append(f"[ERROR] {what} [json-pointer:{path}]")

    def known_keys(self, value: Json, path: str, allowed: str) -> None:
        """Refuse keys that Slack does not document for this object."""
        for key in sorted(set(value) - set(allowed.split())):
            self.add(f"{path}/{key}", f"unsupported field: {key}")

    def string(self, value: Any, path: str, limit: int, *, required: bool = True) -> None:
        """A bare string with a maximum length, not empty."""
        if value is None:
            if required:
                self.add(path, "missing required field")
        elif not isinstance(value, str):
            self.add(path, "must be a string")
        elif not value and required:
            self.add(path, "must be more than 0 characters")
        elif len(value) > limit:
            self.add(path, f"must be less than {limit + 1} characters")

    def text(self, value: Any, path: str, limit: int, *, plain: bool = False, required: bool = True) -> None:
        """A text object; `plain` forbids mrkdwn."""
        if value is None:
            if required:
                self.add(path, "missing required field: text object")
            return
        if not isinstance(value, dict):
            self.add(path, "must be a text object")
            return
        self.known_keys(value, path, "type text emoji verbatim")
        kind = value.get("type")
        if kind not in ("plain_text", "mrkdwn") or (plain and kind != "plain_text"):
            self.add(f"{path}/type", f"{kind!r} is not allowed here, expected plain_text")
        if kind == "mrkdwn" and "emoji" in value:
            self.add(f"{path}/emoji", "emoji is only allowed with plain_text")
        self.string(value.get("text"), f"{path}/text", limit)

    def items(self, value: Any, path: str, least: int, most: int) -> list[Any]:
        """A list with a bounded length; an unusable value counts as empty."""
        if not isinstance(value, list):
            self.add(path, "must be an array")
            return []
        if len(value) < least:
            self.add(path, f"must contain at least {least} items")
        if len(value) > most:
            self.add(path, f"no more than {most} items allowed")
        return value

    def unique(self, value: Any, path: str, seen: set[str], limit: int = 255) -> None:
        """An id that may be absent, but is short and used once."""
        if value is None:
            return
        self.string(value, path, limit)
        if isinstance(value, str):
            if value in seen:
                self.add(path, f"duplicate id: {value}")
            seen.add(value)
