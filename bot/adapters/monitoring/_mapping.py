"""Mapping files (TOML) of operators: where another program's JSON holds what an alert needs, and rules for Slack apps.

Read once at the start; a wrong file stops it. Paths are names and list positions with dots between them, no programs.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bot.adapters.monitoring._frame import text
from bot.domain.errors import Permanent

T = TypeVar("T")
MOST_PATTERN_CHARS = 200


class Words(msgspec.Struct, forbid_unknown_fields=True, rename={"path": "from"}):
    """A field whose words are translated: those listed, in any case; `other` where none fits."""

    path: str
    firing: list[str] = msgspec.field(default_factory=list)
    resolved: list[str] = msgspec.field(default_factory=list)
    critical: list[str] = msgspec.field(default_factory=list)
    warning: list[str] = msgspec.field(default_factory=list)
    info: list[str] = msgspec.field(default_factory=list)
    test: list[str] = msgspec.field(default_factory=list)
    other: str = ""

    def word(self, item: Any) -> str:
        """The name of the list that holds the item's word, else `other`."""
        found = text(at(item, self.path)).strip().lower()
        for name in ("test", "resolved", "firing", "critical", "warning", "info"):
            if found in [word.lower() for word in getattr(self, name)]:
                return name
        return self.other


class FieldMap(msgspec.Struct, forbid_unknown_fields=True):
    """A mapping file. `each` is the path of the list of alerts; empty where a body is one alert."""

    name: str
    identity: list[str]
    each: str = ""
    status: Words | None = None
    severity: Words | None = None
    test: Words | None = None
    service: str = ""
    summary: str = ""
    starts_at: str = ""
    ends_at: str = ""
    link: str = ""
    once: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)


class AppRules(msgspec.Struct, forbid_unknown_fields=True):
    """Rules for the messages of one Slack app: regular expressions, searched in the whole text unless said."""

    name: str = ""
    service: str = ""
    resolved: str = ""
    critical: str = ""
    info: str = ""
    ignore: str = ""


@dataclass(frozen=True, slots=True)
class Compiled:
    """`AppRules` ready for use; a rule that is not given is None."""

    name: re.Pattern[str] | None = None
    service: re.Pattern[str] | None = None
    resolved: re.Pattern[str] | None = None
    critical: re.Pattern[str] | None = None
    info: re.Pattern[str] | None = None
    ignore: re.Pattern[str] | None = None
    given: Sequence[str] = field(default_factory=tuple)


def read_map(source: str, path: Path | None) -> FieldMap:
    """The mapping file of a source; raises Permanent where there is none or it is wrong."""
    if path is None:
        message = (
            f"WATCHKEEPER_SOURCES[{source}]: name the file in `mapping`; docs/sources/mapped.md shows one"
        )
        raise Permanent(message)
    found = _typed(source, path, FieldMap)
    if not found.identity or not found.name:
        message = f"{path}: `name` and `identity` must name fields"
        raise Permanent(message)
    return found


def read_rules(source: str, path: Path) -> Compiled:
    """The rules of a Slack app; raises Permanent where the file is wrong."""
    rules = _typed(source, path, AppRules)
    given = {name: value for name, value in msgspec.structs.asdict(rules).items() if value}
    made: dict[str, re.Pattern[str]] = {}
    for name, pattern in given.items():
        if len(pattern) > MOST_PATTERN_CHARS:
            message = f"{path}: the rule `{name}` is longer than {MOST_PATTERN_CHARS} characters"
            raise Permanent(message)
        try:
            made[name] = re.compile(pattern, re.IGNORECASE)
        except re.error as error:
            message = f"{path}: the rule `{name}` is no regular expression: {error}"
            raise Permanent(message) from error
    return Compiled(**made, given=tuple(made))


def at(item: Any, path: str) -> Any:
    """What stands at a path, None where nothing does; an empty path is the item itself."""
    found = item
    for step in path.split(".") if path else ():
        if isinstance(found, Mapping):
            found = found.get(step)
        elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found


def _typed(source: str, path: Path, shape: type[T]) -> T:
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), shape)
    except OSError as error:
        message = f"WATCHKEEPER_SOURCES[{source}]: {path} cannot be read: {error.strerror}"
        raise Permanent(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        message = f"{path}: {error}"
        raise Permanent(message) from error
