"""What a monitoring system sends to prove itself, made here from its documentation and not from the product's code."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
HOST = "sns.eu-west-1.amazonaws.com"
PEM_PATH = "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"


def proof(scheme: str, secret: str, body: bytes, at: float) -> tuple[Mapping[str, str], str]:
    """Headers and query of a call that is proved by `scheme`."""
    stamp = str(int(at))
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    stamped = hmac.new(secret.encode(), f"{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    basic = base64.b64encode(f"watchkeeper:{secret}".encode()).decode()
    headers: dict[str, dict[str, str]] = {
        "bearer": {"Authorization": f"Bearer {secret}"},
        "basic": {"Authorization": f"Basic {basic}"},
        "header": {"X-Watchkeeper-Token": secret},
        "honeycomb": {"X-Honeycomb-Webhook-Token": secret},
        "github": {"X-Hub-Signature-256": f"sha256={digest}"},
        "pagerduty": {"X-PagerDuty-Signature": f"v1={'0' * 64},v1={digest}"},
        "sentry": {"Sentry-Hook-Signature": digest},
        "grafana": {
            "X-Grafana-Alerting-Signature": stamped,
            "X-Grafana-Alerting-Signature-Timestamp": stamp,
        },
    }
    queries = {"url": "token", "google-url": "auth_token", "cloudevents-url": "access_token"}
    query = f"?{queries[scheme]}={quote(secret)}" if scheme in queries else ""
    return headers.get(scheme, {}), query


class Sns:
    """A topic with a key and a certificate of its own, which stand where Amazon's would."""

    def __init__(self, name: str = "sns.amazonaws.com") -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        start = datetime(2026, 1, 1, tzinfo=UTC)
        self.pem = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(self.key.public_key())
            .serial_number(7)
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=365))
            .sign(self.key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )
        self.asked: list[str] = []

    def fetch(self, host: str, path: str) -> bytes:
        """What the host gives for the path."""
        self.asked.append(f"{host}{path}")
        if path.startswith("/?Action=ConfirmSubscription"):
            return b"<ConfirmSubscriptionResponse/>"
        return self.pem if path == PEM_PATH else b""

    def wrapped(self, message: str, **changed: Any) -> bytes:
        """A message as SNS delivers it, signed; `changed` fields are signed too, those that begin with _ are not."""
        envelope: dict[str, Any] = {
            "Type": "Notification",
            "MessageId": hashlib.sha256(message.encode()).hexdigest()[:32],
            "TopicArn": TOPIC,
            "Subject": "ALARM",
            "Message": message,
            "Timestamp": "2026-11-22T07:59:30.000Z",
            "SignatureVersion": "2",
            "SigningCertURL": f"https://{HOST}{PEM_PATH}",
            "UnsubscribeURL": f"https://{HOST}/?Action=Unsubscribe",
        }
        envelope |= {name: value for name, value in changed.items() if name[0] != "_"}
        names = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
        lines = [f"{name}\n{envelope[name]}\n" for name in names if envelope.get(name) is not None]
        signature = self.key.sign("".join(lines).encode(), padding.PKCS1v15(), hashes.SHA256())
        envelope["Signature"] = base64.b64encode(signature).decode()
        envelope |= {name[1:]: value for name, value in changed.items() if name[0] == "_"}
        return json.dumps(envelope).encode()
