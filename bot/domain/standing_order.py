"""The StandingOrder: canonical data by which people agree in advance that one playbook may run without a click.

What a signer sees is rendered from the very bytes that are hashed and signed. Pure; `domain/order_rules` says what
may be ordered and when an order applies, `pipeline/orders` acts on it.
"""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bot.domain.canonical import canonical, without_floats
from bot.domain.plan import Target

SIGNERS = 2
MOST_DAYS = 90
_DAY_MS = 86_400_000
_DOMAIN = b"watchkeeper-standing-order-1\x00"
_ID = re.compile(r"SO-[1-9][0-9]{0,8}")


class OrderState(StrEnum):
    """Life of an order row. Every move is one UPDATE ... WHERE state = ..."""

    DRAFTED = "drafted"
    LIVE = "live"
    REVOKED = "revoked"
    EXPIRED = "expired"


OPEN_ORDERS = (OrderState.DRAFTED, OrderState.LIVE)


@dataclass(frozen=True, slots=True)
class StandingOrder:
    """One agreement. `targets` narrows `services` to named live objects (`KIND:SCOPE/NAME`); empty means any of theirs.

    `bounds` gives each whole-number parameter its range, keyed `ACTION.PARAMETER`; `blast_radius` caps one run.
    `confidence_milli` is the least confidence of the engine in thousandths. Times are unix milliseconds UTC.
    """

    id: str
    tenant: str
    drafter: str
    playbook: str
    playbook_digest: str
    services: tuple[str, ...]
    targets: tuple[str, ...]
    bounds: Mapping[str, tuple[int, int]]
    blast_radius: Mapping[str, int]
    runs_per_hour: int
    runs_per_day: int
    confidence_milli: int
    created_ms: int
    expires_ms: int
    nonce: str

    def to_json(self) -> dict[str, Any]:
        """The canonical content, ready for `canonical()`."""
        return {
            "id": self.id,
            "tenant": self.tenant,
            "drafter": self.drafter,
            "playbook": self.playbook,
            "playbook_digest": self.playbook_digest,
            "services": list(self.services),
            "targets": list(self.targets),
            "bounds": {name: list(bound) for name, bound in self.bounds.items()},
            "blast_radius": dict(self.blast_radius),
            "runs_per_hour": self.runs_per_hour,
            "runs_per_day": self.runs_per_day,
            "confidence_milli": self.confidence_milli,
            "created_ms": self.created_ms,
            "expires_ms": self.expires_ms,
            "nonce": self.nonce,
        }

    @property
    def content(self) -> bytes:
        """The bytes that are shown, hashed and signed."""
        return canonical(self.to_json())

    @property
    def hash(self) -> str:
        """SHA-256 of the content: what a signature is over."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class OrderRow:
    """A stored order. `live_seq` is the number, in the tenant's log, of the signature that made it live; 0 before."""

    order: StandingOrder
    content: bytes
    hash: str
    state: OrderState
    live_seq: int

    @property
    def intact(self) -> bool:
        """Whether the stored bytes, the order read from them and the row's name are one and the same."""
        stored = hashlib.sha256(self.content).hexdigest()
        return self.hash == stored and self.order.content == self.content


@dataclass(frozen=True, slots=True)
class OrderSignature:
    """One person's agreement to exactly these bytes; `channel` and `message_ts` are the message that showed them."""

    order_hash: str
    signer: str
    team: str
    channel: str
    message_ts: str
    signed_ms: int
    nonce: str
    mac: bytes

    def signed_fields(self) -> dict[str, str | int]:
        """Everything that the MAC covers, ready for `canonical()`."""
        return {
            "order_hash": self.order_hash,
            "signer": self.signer,
            "team": self.team,
            "channel": self.channel,
            "message_ts": self.message_ts,
            "signed_ms": self.signed_ms,
            "nonce": self.nonce,
        }


@dataclass(frozen=True, slots=True)
class TierRow:
    """Somebody set the autonomy of `scope` (tenant, service:NAME or playbook:ID) to `tier`.

    `seq` is the event's number in the tenant's log, by which it comes before or after a signature whatever clocks say.
    """

    scope: str
    tier: str
    by: str
    seq: int


def order_from_json(content: bytes) -> StandingOrder:
    """Read an order back from its canonical bytes; raises KeyError, TypeError or ValueError when they are not one."""
    data = json.loads(content)
    if not isinstance(data, dict) or not without_floats(data):
        message = "not a standing order"
        raise ValueError(message)
    order = StandingOrder(
        id=data["id"], tenant=data["tenant"], drafter=data["drafter"], playbook=data["playbook"],
        playbook_digest=data["playbook_digest"], services=tuple(data["services"]), targets=tuple(data["targets"]),
        bounds={name: (low, high) for name, (low, high) in data["bounds"].items()},
        blast_radius=dict(data["blast_radius"]), runs_per_hour=data["runs_per_hour"],
        runs_per_day=data["runs_per_day"], confidence_milli=data["confidence_milli"],
        created_ms=data["created_ms"], expires_ms=data["expires_ms"], nonce=data["nonce"],
    )  # fmt: skip
    numbers = (
        order.runs_per_hour, order.runs_per_day, order.confidence_milli, order.created_ms, order.expires_ms,
        *order.blast_radius.values(), *(edge for bound in order.bounds.values() for edge in bound),
    )  # fmt: skip
    words = (
        order.id, order.tenant, order.drafter, order.playbook, order.playbook_digest, order.nonce,
        *order.services, *order.targets,
    )  # fmt: skip
    typed = all(type(number) is int for number in numbers) and all(isinstance(word, str) for word in words)
    if not typed or not _ID.fullmatch(order.id):
        message = "not a standing order: a field is not of its type"
        raise ValueError(message)
    return order


def target_name(target: Target) -> str:
    """A live object as an order names it."""
    return f"{target.kind}:{target.scope}/{target.name}"


def order_text(content: bytes) -> str:
    """What the order says, in plain lines, from its canonical bytes and nothing else; the same bytes give the same text."""
    order = order_from_json(content)
    where = (
        ", ".join(order.targets) if order.targets else "whatever of these services the playbook's target is"
    )
    bounds = [f"{name} {low} to {high}" for name, (low, high) in sorted(order.bounds.items())]
    radius = [f"{unit} {count}" for unit, count in sorted(order.blast_radius.items())]
    lines = [
        f"Standing order {order.id}, drafted by {order.drafter}",
        f"When the engine alone finds the cause in: {', '.join(order.services)}",
        f"  with a confidence of at least {order.confidence_milli / 10:g} % from evidence that outsiders cannot write,",
        f"run playbook {order.playbook} without asking,",
        f"  exactly the file with SHA-256 {order.playbook_digest},",
        f"  on: {where}",
        f"  with whole numbers inside: {'; '.join(bounds) or 'it has none'}",
        f"  touching at most: {', '.join(radius) or 'nothing in production'}",
        f"  at most {order.runs_per_hour} an hour and {order.runs_per_day} in 24 hours, once for an incident's target.",
        f"Valid from {_utc(order.created_ms)} to {_utc(order.expires_ms)}.",
        "It ends with the first failed step or check, when anybody revokes it, or when the file changes.",
    ]
    return "\n".join(lines)


def sign_order(
    *,
    order_hash: str,
    signer: str,
    team: str,
    channel: str,
    message_ts: str,
    signed_ms: int,
    nonce: str,
    key: bytes,
) -> OrderSignature:
    """A signature whose MAC covers every other field; raises ValueError for a key under 32 bytes."""
    if len(key) < 32:
        message = "the grant key must have at least 32 bytes"
        raise ValueError(message)
    blank = OrderSignature(order_hash, signer, team, channel, message_ts, signed_ms, nonce, b"")
    return OrderSignature(order_hash, signer, team, channel, message_ts, signed_ms, nonce, _mac(blank, key))


def signature_is_genuine(signature: OrderSignature, key: bytes) -> bool:
    """Whether the MAC is that of the key over exactly these fields."""
    return len(key) >= 32 and hmac.compare_digest(_mac(signature, key), signature.mac)


def days(order: StandingOrder) -> float:
    """How long the order is valid, in days."""
    return (order.expires_ms - order.created_ms) / _DAY_MS


def _mac(signature: OrderSignature, key: bytes) -> bytes:
    return hmac.new(key, _DOMAIN + canonical(signature.signed_fields()), hashlib.sha256).digest()


def _utc(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at_ms // 1000))
