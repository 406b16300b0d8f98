"""CloudEvents in binary mode, as Knative and the SDKs send them: the same alert as in structured mode, from headers."""

import json
from collections.abc import Sequence

import pytest

from bot.domain.records import RawBody
from tests.contract.monitoring.conftest import Intake, secret_of
from tests.contract.monitoring.fixtures import AT, parser

# Recorded from cloudevents 2.2.0 (Python SDK), `to_binary`.
HEADERS = {
    "ce-specversion": "1.0",
    "ce-id": "91701d3b-abea-4b76-9998-71b79fbe569d",
    "ce-source": "/monitoring/shop",
    "ce-type": "com.example.alert.firing",
    "ce-subject": "check%C3%B6ut",
    "ce-time": "2026-11-22T07:58:00.789904+00:00",
    "Content-Type": "application/json",
}
DATA = b'{"name": "ErrorsHigh", "severity": "critical", "status": "firing", "summary": "8.7 % errors"}'
TOKEN = {"Authorization": f"Bearer {secret_of('cloudevents', 'bearer')}"}


def test_it_is_the_same_alert(intake: Intake) -> None:
    before = {row.id for row in pending(intake)}
    status, answer = intake.plain("/alerts/cloudevents", DATA, {**HEADERS, **TOKEN})
    assert (status, answer["accepted"]) == (200, 1), answer
    (row,) = (row for row in pending(intake) if row.id not in before)
    stored = intake.stored()
    (alert,) = parser("cloudevents").parse(row.body, source=row.source, received_at=AT).alerts
    assert (alert.name, alert.service, alert.severity.value) == ("ErrorsHigh", "checköut", "critical")
    again, answer = intake.plain("/alerts/cloudevents", DATA, {**HEADERS, **TOKEN})
    assert (again, intake.stored()) == (200, stored), answer


def pending(intake: Intake) -> Sequence[RawBody]:
    return intake.store.read(lambda tx: tx.pending_raw(limit=1000))


@pytest.mark.parametrize(
    ("body", "more"),
    [
        (b'{}, "type": "com.example.alert.resolved"', ()),
        (b"{", ()),
        (b"[" * 100_000, ()),
        (b'\xff\xfe{"a": 1}', ()),
        (DATA, (("ce-type", "com.example.alert.resolved"),)),
        (DATA, (("ce-id", "2"), ("ce-source", "x"))),
    ],
)
def test_what_is_no_event_is_refused(intake: Intake, body: bytes, more: tuple[tuple[str, str], ...]) -> None:
    before = intake.stored()
    status, answer = intake.plain("/alerts/cloudevents", body, {**HEADERS, **TOKEN}, *more)
    assert (status, intake.stored()) == (400, before), answer


def test_without_a_token_and_for_other_kinds_headers_say_nothing(intake: Intake) -> None:
    before = intake.stored()
    assert intake.plain("/alerts/cloudevents", DATA, HEADERS)[0] == 401
    other = {"Authorization": f"Bearer {secret_of('generic', 'bearer')}"}
    sent = json.dumps({"alerts": [{"name": "Errors", "service": "a"}]}).encode()
    assert intake.plain("/alerts/generic", sent, {**HEADERS, **other})[0] == 200
    assert intake.stored() == before + 1
