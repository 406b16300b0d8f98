"""Which source a call comes from, by its proof: shared tokens before the body is read, signatures after it.

The only place where a call becomes one of a configured source. Nothing here says whether a source exists.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qs

from starlette.types import Scope

from bot.domain.authenticity import SCHEMES, Means, Scheme, Shown, same_token, signed, token_shown
from bot.domain.errors import Permanent
from bot.domain.source_facts import SMALL_BYTES
from bot.ports import AlertParser
from bot.settings import Source

_NO_QUERY: Mapping[str, Sequence[str]] = {}
_LEAST_CHARS = 12
_LEAST_CHARS_IN_URL = 32


class Notary(Protocol):
    """Checks the signature that a body itself carries (Amazon SNS)."""

    def topic(self, body: bytes, topics: Iterable[str], *, now: float) -> str | None:
        """The topic among `topics` that signed the body, or None. May read a certificate; raises Retryable."""
        ...

    def confirm(self, body: bytes) -> str:
        """Confirm the subscription that a proved body offers; what was done, empty where it offers none."""
        ...


@dataclass(frozen=True, slots=True)
class Door:
    """One configured source with the scheme that it must use and its one or two secrets."""

    name: str
    kind: str
    scheme: Scheme
    secrets: tuple[bytes, ...]
    topics: tuple[str, ...]
    most_bytes: int


class Doors:
    """All doors of the process; raises Permanent at the start where a source cannot prove itself."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        parsers: Mapping[str, AlertParser],
        notary: Notary | None = None,
    ) -> None:
        self._doors: dict[str, list[Door]] = {}
        self._notary = notary
        for name, source in sources.items():
            if source.kind in parsers and not _comes_elsewise(source):
                self._doors.setdefault(source.kind, []).append(_door(name, source, parsers[source.kind]))

    def by_token(self, kind: str, shown: Shown) -> Door | None:
        """The source whose token is shown; every token of the kind is compared."""
        found = None
        for door in self._doors.get(kind, ()):
            if not door.scheme.by_body and same_token(door.secrets, token_shown(door.scheme, shown)):
                found = door
        return found

    def needs_body(self, kind: str) -> bool:
        """Whether a source of the kind proves itself by its body; then SMALL_BYTES of it are read first."""
        return any(door.scheme.by_body for door in self._doors.get(kind, ()))

    def by_body(self, kind: str, shown: Shown, body: bytes, *, now: float) -> Door | None:
        """The source that signed the body. May wait for a certificate, so call it in a thread."""
        found = None
        for door in self._doors.get(kind, ()):
            if door.scheme.means is Means.SNS:
                if self._notary is not None and self._notary.topic(body, door.topics, now=now):
                    found = door
            elif door.scheme.by_body and signed(door.scheme, door.secrets, shown, body, now=now):
                found = door
        return found

    def confirm(self, door: Door, body: bytes) -> str:
        """What was confirmed towards the sender because of this body, empty mostly."""
        return self._notary.confirm(body) if self._notary and door.scheme.means is Means.SNS else ""


def shown_by(scope: Scope) -> Shown:
    """Headers and query of a request, each name with all its values."""
    asked = scope.get("query_string")
    return shown_in(scope["headers"], _asked(asked.decode("utf-8", "replace")) if asked else {})


def shown_in(headers: Iterable[tuple[bytes, bytes]], query: Mapping[str, Sequence[str]] = _NO_QUERY) -> Shown:
    """As `shown_by`, of a request whose names of headers are in lower case."""
    given: dict[str, list[str]] = {}
    for name, value in headers:
        given.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return Shown(given, query)


def _asked(query: str) -> Mapping[str, Sequence[str]]:
    try:
        return parse_qs(query, keep_blank_values=True, max_num_fields=20)
    except ValueError:
        return {}


def chosen_scheme(name: str, source: Source, parser: AlertParser) -> Scheme:
    """The scheme of a source: the one that its settings name, else the first of its kind; raises Permanent."""
    offered = parser.facts.proofs
    wanted = source.proof or offered[0]
    if wanted not in offered:
        message = (
            f"WATCHKEEPER_SOURCES[{name}]: {source.kind} has no proof {wanted!r}; known: {', '.join(offered)}"
        )
        raise Permanent(message)
    return SCHEMES[wanted]


def _comes_elsewise(source: Source) -> bool:
    """A source of Slack messages has no address of its own, nor has one that is only pulled from a queue."""
    pulled = bool(source.queue_url) and not source.token.get_secret_value() and not source.topics
    return source.kind == "slack" or pulled


def _door(name: str, source: Source, parser: AlertParser) -> Door:
    scheme = chosen_scheme(name, source, parser)
    given = [source.token, *([source.previous_token] if source.previous_token else [])]
    secrets = tuple(one.get_secret_value().encode() for one in given if one.get_secret_value())
    if scheme.means is Means.SNS:
        if not source.topics:
            message = f"WATCHKEEPER_SOURCES[{name}]: name the ARNs of the topics that may send, in `topics`"
            raise Permanent(message)
        return Door(name, source.kind, scheme, (), source.topics, SMALL_BYTES)
    least = _LEAST_CHARS_IN_URL if scheme.means is Means.QUERY else _LEAST_CHARS
    if not secrets or min(map(len, secrets)) < least:
        message = (
            f"WATCHKEEPER_SOURCES[{name}]: a token of at least {least} characters is needed; "
            "`openssl rand -hex 32` makes one"
        )
        raise Permanent(message)
    most = SMALL_BYTES if scheme.by_body else parser.facts.most_bytes
    return Door(name, source.kind, scheme, secrets, (), most)
