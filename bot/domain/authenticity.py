"""How each monitoring system proves that a call is its own: one table of schemes, and the checks, which are pure.

Everything compares raw bytes in constant time, refuses what is missing, doubled or unreadable, and knows nothing of
HTTP frameworks. SNS's certificate is not here: `bot/adapters/monitoring/_sns.py` checks it.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

STAMP_WINDOW_S = 300.0
BASIC_USER = "watchkeeper"
# An id is a key of the database, which takes no longer ones and no NUL, and refuses whatever comes together with them.
_MOST_ID_CHARS = 500


class Means(StrEnum):
    """What a scheme rests on."""

    BEARER = "bearer"
    BASIC = "basic"
    HEADER = "header"
    QUERY = "query"
    HMAC = "hmac"
    SNS = "sns"


@dataclass(frozen=True, slots=True)
class Scheme:
    """`header` in lower case; `stamp` is the header whose seconds are signed before the body, as `stamp:body`.

    With `many`, one header holds several signatures with commas between them, as during a rotation.
    """

    name: str
    means: Means
    words: str
    header: str = "authorization"
    prefix: str = ""
    stamp: str = ""
    many: bool = False

    @property
    def by_body(self) -> bool:
        """Whether the body must be read before anything is proved."""
        return self.means in (Means.HMAC, Means.SNS)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a call carries besides its body: header names in lower case, each with every value that came."""

    headers: Mapping[str, Sequence[str]]
    query: Mapping[str, Sequence[str]]


_ALL = (
    Scheme("bearer", Means.BEARER, "`Authorization: Bearer TOKEN`"),
    Scheme("basic", Means.BASIC, f"basic authentication, user `{BASIC_USER}`, the token as password"),
    Scheme("url", Means.QUERY, "the token at the end of the address: `?token=TOKEN`", header="token"),
    Scheme("google-url", Means.QUERY, "the token in the address: `?auth_token=TOKEN`", header="auth_token"),
    Scheme(
        "cloudevents-url",
        Means.QUERY,
        "the token in the address: `?access_token=TOKEN`",
        header="access_token",
    ),
    Scheme("header", Means.HEADER, "the header `X-Watchkeeper-Token: TOKEN`", header="x-watchkeeper-token"),
    Scheme(
        "honeycomb",
        Means.HEADER,
        "the header `X-Honeycomb-Webhook-Token: TOKEN`",
        header="x-honeycomb-webhook-token",
    ),
    Scheme(
        "github",
        Means.HMAC,
        "`X-Hub-Signature-256`: HMAC-SHA256 of the body",
        header="x-hub-signature-256",
        prefix="sha256=",
    ),
    Scheme(
        "pagerduty",
        Means.HMAC,
        "`X-PagerDuty-Signature`: HMAC-SHA256 of the body, several `v1=` during a rotation",
        header="x-pagerduty-signature",
        prefix="v1=",
        many=True,
    ),
    Scheme(
        "sentry",
        Means.HMAC,
        "`Sentry-Hook-Signature`: HMAC-SHA256 of the body with the integration's client secret",
        header="sentry-hook-signature",
    ),
    Scheme(
        "grafana",
        Means.HMAC,
        "`X-Grafana-Alerting-Signature`: HMAC-SHA256 of `TIMESTAMP:BODY`, the time in "
        "`X-Grafana-Alerting-Signature-Timestamp`, at most 5 minutes off",
        header="x-grafana-alerting-signature",
        stamp="x-grafana-alerting-signature-timestamp",
    ),
    Scheme(
        "sns",
        Means.SNS,
        "Amazon SNS: RSA signature, version 2, with a certificate of sns.REGION.amazonaws.com; the topic's ARN in "
        "the settings; sent within the hour",
        header="",
    ),
)
SCHEMES: Mapping[str, Scheme] = {scheme.name: scheme for scheme in _ALL}


def token_shown(scheme: Scheme, shown: Shown) -> bytes | None:
    """The secret that a call shows where its scheme wants it; None where it shows none, or two."""
    if scheme.means is Means.QUERY:
        value = _single(shown.query, scheme.header)
    elif scheme.means is Means.HEADER:
        value = _after(_single(shown.headers, scheme.header), scheme.prefix)
    elif scheme.means is Means.BEARER:
        value = _credentials(shown, "bearer")
    elif scheme.means is Means.BASIC:
        value = _password(_credentials(shown, "basic"))
    else:
        value = None
    return value.encode("utf-8", "replace") if value else None


def same_token(secrets: Sequence[bytes], token: bytes | None) -> bool:
    """Whether the token is one of the secrets; every one is compared."""
    found = False
    for secret in secrets:
        found |= bool(secret) and token is not None and hmac.compare_digest(secret, token)
    return found


def signed(scheme: Scheme, secrets: Sequence[bytes], shown: Shown, body: bytes, *, now: float) -> bool:
    """Whether one of the secrets signed this body, and its time, where the scheme has one, is near `now`."""
    header = _single(shown.headers, scheme.header)
    stamp = _single(shown.headers, scheme.stamp) if scheme.stamp else ""
    if not header or stamp is None or (scheme.stamp and not _near(stamp, now)):
        return False
    given = header.split(",")[:8] if scheme.many else [header]
    signatures = [one for one in (_after(part.strip(), scheme.prefix) for part in given) if one]
    message = f"{stamp}:".encode() + body if scheme.stamp else body
    found = False
    for secret in secrets:
        expected = hmac.new(secret, message, hashlib.sha256).hexdigest().encode()
        for signature in signatures:
            same = hmac.compare_digest(expected, signature.lower().encode("utf-8", "replace"))
            found |= bool(secret) and same
    return found


def replay_key(scheme: Scheme, shown: Shown, body: bytes, once: str) -> str:
    """What may be taken only once: the sender's own id, else the signed bytes; empty where only a token is shown.

    Whoever can replay a token can also write a new body with it, so there is nothing to gain from comparing bodies.
    """
    if once:
        return id_key(once)
    if not scheme.by_body:
        return ""
    stamp = _single(shown.headers, scheme.stamp) if scheme.stamp else ""
    return "sha256:" + hashlib.sha256(f"{stamp or ''}:".encode() + body).hexdigest()


def id_key(once: str) -> str:
    """The key of a delivery by the sender's own id."""
    plain = len(once) <= _MOST_ID_CHARS and "\0" not in once
    return f"id:{once}" if plain else f"id-sha256:{hashlib.sha256(once.encode()).hexdigest()}"


def _single(values: Mapping[str, Sequence[str]], name: str) -> str | None:
    found = values.get(name, ())
    return found[0] if len(found) == 1 else None


def _after(value: str | None, prefix: str) -> str | None:
    return value[len(prefix) :] if value is not None and value.startswith(prefix) else None


def _credentials(shown: Shown, wanted: str) -> str | None:
    scheme, _, rest = (_single(shown.headers, "authorization") or "").partition(" ")
    return rest if scheme.lower() == wanted else None


def _password(encoded: str | None) -> str | None:
    try:
        user, _, password = base64.b64decode(encoded or "", validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return password if hmac.compare_digest(user.encode(), BASIC_USER.encode()) else None


def _near(stamp: str, now: float) -> bool:
    plain = stamp.isascii() and stamp.isdigit() and len(stamp) <= 12
    return plain and abs(now - int(stamp)) <= STAMP_WINDOW_S
