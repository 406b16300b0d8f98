"""What alerts of different services have in common beside the map: one change, or the same words about the same thing.

Pure. Words are compared as templates: what varies is masked, and who speaks is. The name of another service or of a host
in them is kept, since general rules say the same of everybody and prove nothing.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from operator import attrgetter

from bot.domain.alert import Alert
from bot.domain.telemetry import Change, ChangeKind

CHANGE_WINDOW_S = 1800.0
_SPECIFIC_CHARS = 6
_FEW_WORDS = 4
_KIND = attrgetter("service", "name")
_MOST_WORDS = 60
_HOST = re.compile(r"(?=[^:]*[a-z])[a-z0-9*_-]+(?:\.[a-z0-9_-]+)+(?::\d+)?")
_VARIES = re.compile(r"\d")
_EDGES = ".,;:!?()[]{}<>\"'`"


def shared_changes(changes: Iterable[Change], services: int) -> dict[str, dict[str, float]]:
    """When each service got each change that several got; one that most of `services` got tells nothing."""
    found: dict[str, dict[str, float]] = {}
    for change in changes:
        for key in _keys_of(change):
            known = found.setdefault(key, {})
            known[change.service] = min(change.at, known.get(change.service, change.at))
    return {key: at for key, at in found.items() if len(at) > 1 and 2 * len(at) <= max(4, services)}


def _keys_of(change: Change) -> list[str]:
    """A revision or artefact by its own name, and a run by its address."""
    if change.kind is ChangeKind.SCALE:
        return []
    specific = len(change.after) >= _SPECIFIC_CHARS and _VARIES.search(change.after) is not None
    keys = [f"{change.kind.value} {change.after}"] if specific else []
    return [*keys, *([f"{change.kind.value} {change.link}"] if change.link else [])]


def sayings(alerts: Sequence[Alert], nodes: AbstractSet[str]) -> dict[str, frozenset[str]]:
    """By service, short keys of what its alerts say of something else; one alert of each name is read.

    A service that the map does not know is also known by its words alone, where they are more than a few.
    """
    found: dict[str, set[str]] = {}
    one_of_each = {_KIND(alert): alert for alert in reversed(alerts) if alert.summary}
    for alert in one_of_each.values():
        keys = _said(alert, nodes)
        if keys:
            found.setdefault(alert.service, set()).update(keys)
    return {service: frozenset(keys) for service, keys in found.items()}


def _said(alert: Alert, nodes: AbstractSet[str]) -> list[str]:
    words = [word.strip(_EDGES) for word in alert.summary.lower().split()[:_MOST_WORDS]]
    own = alert.service.lower()
    things = {word for word in words if word != own and own not in word and _names_something(word, nodes)}
    if not things and alert.service in nodes:
        return []
    template = " ".join(_masked(word, own, things) for word in words)
    keys = [_key(thing, template) for thing in sorted(things)]
    if alert.service not in nodes and sum(word.isalpha() for word in words) >= _FEW_WORDS:
        keys.append(_key("", template))
    return keys


def _names_something(word: str, nodes: AbstractSet[str]) -> bool:
    return word in nodes or ("." in word and _HOST.fullmatch(word) is not None)


def _masked(word: str, own: str, things: AbstractSet[str]) -> str:
    if word in things:
        return word
    if own and own in word:
        return "<own>"
    return "<*>" if _VARIES.search(word) else word


def _key(thing: str, template: str) -> str:
    return hashlib.blake2b(f"{thing}\0{template}".encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class Ground:
    """`changed` says by change when each service got it, `said` who said each thing; of new services and of open ones."""

    changed: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    said: Mapping[str, AbstractSet[str]] = field(default_factory=dict)


NO_GROUND = Ground()


def ground_of(
    changes: Iterable[Change], said: Iterable[Mapping[str, Iterable[str]]], services: int
) -> Ground:
    """Put together; `said` are sayings by service, `services` is how many the map has."""
    speakers: dict[str, set[str]] = {}
    for one in said:
        for service, keys in one.items():
            for key in keys:
                speakers.setdefault(key, set()).add(service)
    return Ground(
        shared_changes(changes, services), {key: who for key, who in speakers.items() if len(who) > 1}
    )
