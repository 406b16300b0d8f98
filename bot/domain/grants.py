"""What a grant's signature covers, and for how long a grant counts. Who may be given one is the gate's matter."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace

from bot.domain.canonical import canonical
from bot.domain.plan import ActionClass
from bot.domain.records import Grant

GRANT_LIFETIME_S: Mapping[ActionClass, int] = {
    ActionClass.SAFE: 600,
    ActionClass.RISKY: 600,
    ActionClass.DESTRUCTIVE: 300,
}
_GRANT_DOMAIN = b"watchkeeper-grant-1\x00"
_LEAST_KEY_BYTES = 32


def sign_grant(
    *,
    plan_hash: str,
    approver: str,
    team: str,
    channel: str,
    message_ts: str,
    granted_ms: int,
    expires_ms: int,
    nonce: str,
    key: bytes,
    seconded_by: str = "",
    order_hash: str = "",
) -> Grant:
    """A grant whose MAC covers every other field; raises ValueError for a key under 32 bytes."""
    if len(key) < _LEAST_KEY_BYTES:
        message = "the grant key must have at least 32 bytes"
        raise ValueError(message)
    blank = Grant(
        plan_hash, approver, team, channel, message_ts, granted_ms, expires_ms, nonce, b"", seconded_by, order_hash
    )  # fmt: skip
    return replace(blank, mac=_mac(blank, key))


def grant_is_genuine(grant: Grant, key: bytes) -> bool:
    """Whether the MAC is that of the key over exactly these fields; says nothing about expiry."""
    return hmac.compare_digest(_mac(grant, key), grant.mac)


def grant_expiry_ms(klass: ActionClass, granted_ms: int) -> int:
    """When a grant given now stops counting, in unix milliseconds."""
    return granted_ms + GRANT_LIFETIME_S[klass] * 1000


def _mac(grant: Grant, key: bytes) -> bytes:
    return hmac.new(key, _GRANT_DOMAIN + canonical(grant.signed_fields()), hashlib.sha256).digest()
