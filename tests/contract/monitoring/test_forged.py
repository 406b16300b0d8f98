"""Calls that are nearly right: each is refused, none is stored, and nothing that a call names is ever fetched."""

import contextlib
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bot.adapters.monitoring._sns import MOST_ASKED, SnsNotary
from bot.domain.errors import Retryable
from tests.contract.monitoring.conftest import Intake, secret_of
from tests.contract.monitoring.fixtures import AT, fixture
from tests.contract.monitoring.signing import HOST, PEM_PATH, TOPIC, Sns, proof

ALARM = json.dumps(fixture("cloudwatch")["cases"]["firing"]["body"])
OTHER_REGION = "https://sns.us-east-1.amazonaws.com" + PEM_PATH
SNS_FORGERIES: Mapping[str, Mapping[str, Any]] = {
    "a topic that no source names": {"TopicArn": TOPIC + "-other"},
    "a topic of another account": {"TopicArn": TOPIC.replace("123456789012", "210987654321")},
    "no ARN": {"TopicArn": "alarms"},
    "the old signature": {"SignatureVersion": "1"},
    "an old message": {"Timestamp": "2026-11-22T06:59:00.000Z"},
    "a message from the future": {"Timestamp": "2026-11-22T09:01:00.000Z"},
    "a time without a zone": {"Timestamp": "2026-11-22T07:59:00"},
    "no time": {"Timestamp": "yesterday"},
    "a certificate of another host": {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com.example/" + PEM_PATH},
    "a host behind a user": {"SigningCertURL": f"https://{HOST}@evil.example{PEM_PATH}"},
    "a host with a port": {"SigningCertURL": f"https://{HOST}:444{PEM_PATH}"},
    "no https": {"SigningCertURL": f"http://{HOST}{PEM_PATH}"},
    "another region's certificate": {"SigningCertURL": OTHER_REGION},
    "another file of the host": {"SigningCertURL": f"https://{HOST}/?Action=Publish"},
    "a path that climbs": {"SigningCertURL": f"https://{HOST}/../SimpleNotificationService-0a.pem"},
    "a query behind the file": {"SigningCertURL": f"https://{HOST}{PEM_PATH}?x=1"},
    "no address": {"SigningCertURL": "https://[" },
    "a changed message": {"_Message": ALARM.replace("checkout", "payments")},
    "a changed subject": {"_Subject": "other"},
    "an empty signature": {"_Signature": ""},
    "a signature that is no base64": {"_Signature": "%%%"},
}  # fmt: skip


@pytest.mark.parametrize("forgery", SNS_FORGERIES.values(), ids=SNS_FORGERIES)
def test_a_forged_message_of_sns_is_refused_and_fetches_nothing_it_names(
    forgery: Mapping[str, Any], intake: Intake
) -> None:
    before = intake.stored()
    status, answer = intake.send("cloudwatch", "sns", ALARM.encode(), **forgery)
    assert (status, list(answer)) == (401, ["error"])
    assert intake.stored() == before
    assert {address.split("/")[0] for address in intake.sns.asked} <= {HOST}


@pytest.mark.parametrize("name", ["sns.amazonaws.com.example", "amazonaws.com", ""])
def test_a_certificate_of_another_name_proves_nothing(name: str) -> None:
    sns = Sns(name or "x")
    notary = SnsNotary(sns.fetch)
    assert notary.topic(sns.wrapped(ALARM), [TOPIC], now=AT) is None


def test_a_certificate_counts_only_while_it_is_valid_and_is_read_once() -> None:
    sns = Sns()
    notary = SnsNotary(sns.fetch)
    next_year = AT + 400 * 86_400
    assert notary.topic(sns.wrapped(ALARM), [TOPIC], now=AT) == TOPIC
    later = sns.wrapped(ALARM, Timestamp="2027-12-27T08:00:00.000Z")
    assert notary.topic(later, [TOPIC], now=next_year) is None
    assert sns.asked == [HOST + PEM_PATH]


def test_made_up_certificate_names_are_asked_for_a_bounded_number_of_times() -> None:
    sns = Sns()
    notary = SnsNotary(sns.fetch)
    for number in range(30):
        url = f"https://{HOST}/SimpleNotificationService-{number:032x}.pem"
        with contextlib.suppress(Retryable):
            assert notary.topic(sns.wrapped(ALARM, SigningCertURL=url), [TOPIC], now=AT) is None
    assert len(sns.asked) == MOST_ASKED
    with pytest.raises(Retryable):  # Answered with 503, so that SNS sends it again.
        notary.topic(sns.wrapped(ALARM), [TOPIC], now=AT)
    assert notary.topic(sns.wrapped(ALARM), [TOPIC], now=AT + 61) == TOPIC


def test_a_subscription_is_confirmed_by_the_api_and_its_address_is_never_opened(intake: Intake) -> None:
    offered = {
        "Type": "SubscriptionConfirmation",
        "Token": "t" * 64,
        "Subject": None,
        "SubscribeURL": "https://evil.example/confirm",
        "MessageId": "subscription-1",
    }
    status, answer = intake.send("cloudwatch", "sns", b"You have chosen to subscribe", **offered)
    assert status == 200
    assert "was confirmed" in answer["note"]
    assert intake.sns.asked[-1].startswith(f"{HOST}/?Action=ConfirmSubscription&TopicArn=arn%3Aaws%3Asns")
    asked = len(intake.sns.asked)
    strange = {**offered, "TopicArn": TOPIC + "-other"}
    assert intake.send("cloudwatch", "sns", b"x", **strange)[0] == 401
    assert len(intake.sns.asked) == asked


def _grafana(body: bytes, secret: str, stamp: str) -> dict[str, str]:
    signature = hmac.new(secret.encode(), f"{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {
        "X-Grafana-Alerting-Signature": signature,
        "X-Grafana-Alerting-Signature-Timestamp": stamp,
    }


def _unsigned_time(body: bytes, secret: str) -> dict[str, str]:
    """What Grafana sends while no timestamp header is named."""
    return {"X-Grafana-Alerting-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


Headers = Callable[[bytes, str], dict[str, str]]
STAMPS: Mapping[str, Headers] = {
    "too old": lambda body, secret: _grafana(body, secret, str(int(AT) - 301)),
    "ahead": lambda body, secret: _grafana(body, secret, str(int(AT) + 301)),
    "no number": lambda body, secret: _grafana(body, secret, "now"),
    "negative": lambda body, secret: _grafana(body, secret, f"-{int(AT)}"),
    "very long": lambda body, secret: _grafana(body, secret, "1" * 4000),
    "no time at all": _unsigned_time,
    "signature in upper case prefix": lambda body, secret: {
        **_grafana(body, secret, str(int(AT))),
        "X-Grafana-Alerting-Signature": "sha256="
        + _grafana(body, secret, str(int(AT)))["X-Grafana-Alerting-Signature"],
    },
}


@pytest.mark.parametrize("headers", STAMPS.values(), ids=STAMPS)
def test_a_signature_counts_only_with_its_time_near(headers: Headers, intake: Intake) -> None:
    body = json.dumps(fixture("grafana")["cases"]["firing"]["body"]).encode()
    given = headers(body, secret_of("grafana", "grafana"))
    before = intake.stored()
    assert intake.plain("/alerts/grafana", body, given)[0] == 401
    assert intake.stored() == before


def test_an_event_of_two_days_ago_is_refused_with_the_reason(intake: Intake) -> None:
    body = fixture("pagerduty")["cases"]["firing"]["body"]
    old = json.dumps(
        {"event": {**body["event"], "id": "old", "occurred_at": "2026-11-20T07:00:00Z"}}
    ).encode()
    status, answer = intake.send("pagerduty", "pagerduty", old)
    assert status == 400
    assert "48 h" in answer["error"]


def test_what_must_be_read_before_its_proof_is_small(intake: Intake) -> None:
    body = b'{"event": "' + b"x" * (1024 * 1024) + b'"}'
    assert intake.send("pagerduty", "pagerduty", body)[0] == 413
    intake.connection.close()
    headers, query = proof("url", secret_of("splunk", "url"), body, AT)
    assert intake.plain(f"/alerts/splunk{query}", body, dict(headers))[0] == 413
    intake.connection.close()
    told = [
        raw
        for raw in intake.store.read(lambda tx: tx.pending_raw(limit=5000))
        if b"PayloadTooLarge" in raw.body
    ]
    assert [raw.source for raw in told] == ["splunk-url"], "operators are told of a proved source alone, once"
    doubled = f"?token={secret_of('splunk', 'url')}&token={secret_of('splunk', 'url')}"
    assert intake.plain(f"/alerts/splunk{doubled}", b"{}", {})[0] == 401
