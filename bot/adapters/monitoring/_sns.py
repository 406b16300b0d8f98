"""Amazon SNS messages: their signature (version 2 alone), the certificate behind it, and the subscription's confirmation.

Nothing is fetched from an address that a message names: the certificate's address is made anew from the region of a
configured topic and the file's hexadecimal name, and a subscription is confirmed by an API call for such a topic.
"""

import base64
import binascii
import contextlib
import http.client
import re
import ssl
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import pairwise
from urllib.parse import urlencode, urlsplit

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from bot.domain.errors import Retryable

WINDOW_S = 3600.0
TIMEOUT_S = 3.0
MOST_KNOWN = 50
MOST_ASKED = 10
_MINUTE_S = 60.0
MOST_BYTES = 20_000
CERTIFICATE_NAME = "sns.amazonaws.com"
_ARN = re.compile(
    r"arn:(aws|aws-cn|aws-us-gov):sns:([a-z]{2}(?:-[a-z]+){1,3}-\d):\d{12}:[A-Za-z0-9_.-]{1,256}"
)
_PATH = re.compile(r"/SimpleNotificationService-[0-9a-f]{8,64}\.pem")
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_SUBSCRIPTION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


class Envelope(msgspec.Struct):
    """What SNS wraps around a message."""

    Type: str
    MessageId: str
    TopicArn: str
    Message: str
    Timestamp: str
    SignatureVersion: str = ""
    Signature: str = ""
    SigningCertURL: str = ""
    Subject: str | None = None
    Token: str = ""
    SubscribeURL: str = ""


_DECODER = msgspec.json.Decoder(Envelope)
Fetch = Callable[[str, str], bytes]


class SnsNotary:
    """Checks envelopes. `fetch` reads a path of an SNS host over https; what is not there is empty."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._known: dict[str, x509.Certificate | None] = {}
        self._asked_at: list[float] = []
        self._lock = threading.Lock()

    def topic(self, body: bytes, topics: Iterable[str], *, now: float) -> str | None:
        """The configured topic that signed `body` within the hour, or None; Retryable where SNS cannot be read."""
        envelope = _envelope(body)
        if envelope is None or envelope.TopicArn not in set(topics) or envelope.SignatureVersion != "2":
            return None
        sent_at = _seconds(envelope.Timestamp)
        if sent_at is None or abs(now - sent_at) > WINDOW_S:
            return None
        path = _certificate_path(envelope)
        certificate = self._certificate(_host(_region(envelope.TopicArn)), path, now) if path else None
        if certificate is None or not _valid_at(certificate, now) or not _signed_by(certificate, envelope):
            return None
        return envelope.TopicArn

    def confirm(self, body: bytes) -> str:
        """Confirm what a proved body offers; raises Retryable where AWS cannot be asked."""
        envelope = _envelope(body)
        if envelope is None or envelope.Type != "SubscriptionConfirmation":
            return ""
        asked = {
            "Action": "ConfirmSubscription",
            "TopicArn": envelope.TopicArn,
            "Token": envelope.Token,
            "AuthenticateOnUnsubscribe": "true",
            "Version": "2010-03-31",
        }
        if not self._fetch(_host(_region(envelope.TopicArn)), f"/?{urlencode(asked)}"):
            message = f"Amazon SNS did not confirm the subscription to {envelope.TopicArn}"
            raise Retryable(message)
        return f"the subscription to {envelope.TopicArn} was confirmed"

    def _certificate(self, host: str, path: str, now: float) -> x509.Certificate | None:
        """The certificate at an address of ours; a wrong one is remembered too, so that it is asked for once."""
        url = f"{host}{path}"
        with self._lock:
            if url not in self._known:
                if len(self._known) >= MOST_KNOWN:
                    self._known = {key: known for key, known in self._known.items() if known is not None}
                self._asked_at = [at for at in self._asked_at if abs(now - at) < _MINUTE_S]
                if len(self._asked_at) >= MOST_ASKED or len(self._known) >= MOST_KNOWN:
                    message = "too many certificates of Amazon SNS were asked for within a minute"
                    raise Retryable(message)
                self._asked_at.append(now)
                self._known[url] = _loaded(self._fetch(host, path))
            return self._known[url]


def build(*, endpoint_url: str = "") -> SnsNotary:
    """The notary of production; `endpoint_url` is the settings' own, for an AWS that runs elsewhere."""
    return SnsNotary(lambda host, path: _get(endpoint_url or f"https://{host}", path))


def _get(root: str, path: str) -> bytes:
    """One GET without redirects; an answer that is no 200 has no content. Raises Retryable where SNS is away."""
    at = urlsplit(root)
    plain = at.scheme == "http"
    context = None if plain else ssl.create_default_context()
    try:
        connection = (
            http.client.HTTPConnection(at.netloc, timeout=TIMEOUT_S)
            if plain
            else http.client.HTTPSConnection(at.netloc, timeout=TIMEOUT_S, context=context)
        )
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            content = answer.read(MOST_BYTES)
    except (OSError, http.client.HTTPException) as error:
        message = f"Amazon SNS cannot be asked: {type(error).__name__}"
        raise Retryable(message) from error
    if answer.status >= 500:
        message = f"Amazon SNS cannot be asked: HTTP {answer.status}"
        raise Retryable(message)
    return content if answer.status == 200 else b""


def canonical(envelope: Envelope) -> bytes:
    """The bytes that SNS signs: names and values of its fields, each on a line, in alphabetical order."""
    names = _NOTIFICATION if envelope.Type == "Notification" else _SUBSCRIPTION
    lines = [(name, getattr(envelope, name)) for name in names]
    return "".join(f"{name}\n{value}\n" for name, value in lines if value is not None).encode(
        "utf-8", "surrogatepass"
    )


def _envelope(body: bytes) -> Envelope | None:
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _region(arn: str) -> str:
    found = _ARN.fullmatch(arn)
    return found.group(2) if found else ""


def _host(region: str) -> str:
    return f"sns.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")


def _certificate_path(envelope: Envelope) -> str:
    """The file that a message names, where it is on the host of the topic's own region; else empty."""
    host = _host(_region(envelope.TopicArn))
    try:
        named = urlsplit(envelope.SigningCertURL)
    except ValueError:
        return ""
    here = named.scheme == "https" and named.netloc == host and not named.query and not named.fragment
    return named.path if here and _PATH.fullmatch(named.path) else ""


def _loaded(pem: bytes) -> x509.Certificate | None:
    """The first certificate of a file, where it is SNS's own and each one after it has signed the one before."""
    try:
        chain = x509.load_pem_x509_certificates(pem)
        for child, parent in pairwise(chain):
            child.verify_directly_issued_by(parent)
        named = {str(name.value) for name in chain[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)}
    except (ValueError, TypeError, InvalidSignature):
        return None
    return chain[0] if CERTIFICATE_NAME in named else None


def _valid_at(certificate: x509.Certificate, now: float) -> bool:
    at = datetime.fromtimestamp(now, UTC)
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _signed_by(certificate: x509.Certificate, envelope: Envelope) -> bool:
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    try:
        signature = base64.b64decode(envelope.Signature, validate=True)
        key.verify(signature, canonical(envelope), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _seconds(stamp: str) -> float | None:
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return at.timestamp() if at.tzinfo else None
