"""One contract for every monitoring system: what its calls become, and that nothing but its own calls is taken."""

import json
import math
from typing import Any

import pytest

from bot.domain.authenticity import SCHEMES
from bot.domain.errors import Permanent
from tests.contract.monitoring.conftest import Intake, secret_of, topic_of
from tests.contract.monitoring.fixtures import (
    AT,
    RECORDED,
    WRITTEN,
    Case,
    cases,
    fixture,
    kinds,
    parser,
    read,
    words,
)

CASES = list(cases())
FIRST = {
    kind: next(case for case in CASES if case.kind == kind and (case.expect or case.changes))
    for kind in kinds()
}
# What comes over Slack has no door of its own, and a mapping file decides what a mapped source is.
OVER_HTTP = [kind for kind in kinds() if kind != "slack"]
PROOFS = [(kind, scheme) for kind in OVER_HTTP for scheme in parser(kind).facts.proofs]
NEITHER = (b"", b"null", b"[]", b"17", b'"x"', b"{", b"[" * 100_000, b"\xff\xfe", b'{"a": NaN}')


@pytest.mark.parametrize("kind", kinds())
def test_every_system_has_a_fixture_whose_head_says_where_it_is_from(kind: str) -> None:
    head = fixture(kind)
    assert head["_about"].startswith((RECORDED, WRITTEN))
    named = set(head["cases"])
    assert named >= set(head.get("must", ["firing", "resolved", "test"])), named
    assert parser(kind).facts.kind == kind
    assert set(parser(kind).facts.proofs) <= set(SCHEMES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_call_becomes_what_it_says(case: Case) -> None:
    found = read(case)
    assert [words(alert) for alert in found.alerts] == case.expect
    assert [[change.kind.value, change.service, change.after] for change in found.changes] == case.changes
    assert case.note in found.note
    assert found.alerts or found.changes or found.note, "neither an alert nor a reason why not"
    for alert in found.alerts:
        assert math.isfinite(alert.starts_at)
        assert 0 < alert.starts_at <= AT + 86_400
        assert (alert.ends_at is None) == (alert.status.value == "firing")
        assert all(isinstance(value, str) for value in alert.labels.values())


@pytest.mark.parametrize("kind", kinds())
def test_a_resolve_finds_its_alert_and_the_identity_is_stable(kind: str) -> None:
    by_name = {case.name: read(case) for case in CASES if case.kind == kind}
    pairs = fixture(kind).get("same", [["firing", "resolved"]])
    for one, other in pairs:
        assert by_name[one].alerts, one
        first = {alert.fingerprint for alert in by_name[one].alerts}
        assert first == {alert.fingerprint for alert in by_name[other].alerts}
        assert len(first) == len(by_name[one].alerts)
    again = read(FIRST[kind])
    before = by_name[FIRST[kind].name]
    assert list(again.alerts) == list(before.alerts)
    assert list(again.changes) == list(before.changes)


@pytest.mark.parametrize("kind", [kind for kind in kinds() if "no_unknown" not in fixture(kind)])
def test_what_we_do_not_know_is_kept_and_changes_no_identity(kind: str) -> None:
    """A field that a later version of the system might add, beside every other field that is there."""
    where = fixture(kind)["unknown_at"]
    body = json.loads(FIRST[kind].raw)
    place: Any = body
    for step in where:
        place = place[step]
    place["field_of_tomorrow"] = {"owner": "team-a"}
    before, after = read(FIRST[kind]), read(FIRST[kind], json.dumps(body).encode())
    assert len(after.alerts) == len(before.alerts)
    kept = [value for alert in after.alerts for value in alert.labels.values()]
    assert "team-a" in kept or not after.alerts
    assert [one.fingerprint for one in after.alerts] == [one.fingerprint for one in before.alerts]


@pytest.mark.parametrize("kind", kinds())
def test_garbage_is_refused_with_a_sentence(kind: str) -> None:
    for body in (*NEITHER, *(FIRST[kind].raw[:cut] for cut in (1, 20, -1))):
        with pytest.raises(Permanent) as refusal:
            parser(kind).parse(body, source="s", received_at=AT)
        assert len(str(refusal.value)) > 15


@pytest.mark.parametrize("case", [case for case in CASES if case.kind in OVER_HTTP], ids=lambda case: case.id)
def test_a_proved_call_is_stored_and_answered(case: Case, intake: Intake) -> None:
    scheme = case.via or parser(case.kind).facts.proofs[0]
    intake.forget()
    before = intake.stored()
    status, answer = intake.send(case.kind, scheme, case.raw, TopicArn=topic_of(case))
    assert status == 200, answer
    assert (answer["accepted"], answer.get("changes", 0)) == (len(case.expect), len(case.changes))
    assert case.note in answer.get("note", "")
    assert intake.stored() == before + 1


@pytest.mark.parametrize(("kind", "scheme"), PROOFS)
def test_each_proof_is_asked_for_and_a_delivery_counts_once(kind: str, scheme: str, intake: Intake) -> None:
    case = FIRST[kind]
    body = (
        json.dumps({**case.body, "field_of_tomorrow": scheme}).encode()
        if fixture(kind).get("unknown_at") == []
        else case.raw
    )
    changed = {"TopicArn": topic_of(case), "MessageId": f"{kind}-{scheme}"}
    before = intake.stored()
    wrong = {"_Signature": "AAAA"} if scheme == "sns" else {"secret": secret_of(kind, scheme, "guessed")}
    assert intake.send(kind, scheme, body, **changed, **wrong)[0] == 401
    assert intake.plain(f"/alerts/{kind}", body, {})[0] == 401
    assert intake.stored() == before
    assert intake.send(kind, scheme, body, **changed)[0] == 200
    status, answer = intake.send(kind, scheme, body, **changed)
    assert status == 200
    if SCHEMES[scheme].by_body or read(case).once:
        assert answer["accepted"] == 0
        assert "taken before" in answer["note"]
        assert intake.stored() <= before + 1
    if scheme != "sns":
        other = body.replace(b"{", b"{ ", 1)
        assert intake.send(kind, scheme, other, secret=secret_of(kind, scheme, "before"))[0] == 200


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_garbage_gets_a_4xx_over_http(kind: str, intake: Intake) -> None:
    scheme = next(one for one in parser(kind).facts.proofs if one != "sns")
    before = intake.stored()
    status, answer = intake.send(kind, scheme, b'{"a": ')
    assert status == 400
    assert len(answer["error"]) > 15
    assert intake.stored() == before
