"""Promise 13, every system's own proof: no call with a wrong, old, changed, doubled or replayed proof is taken."""

import json
import logging
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.domain.authenticity import SCHEMES
from bot.http import doors
from tests.contract.monitoring.conftest import Intake, running, secret_of, topic_of
from tests.contract.monitoring.fixtures import AT, Case, cases, kinds, parser
from tests.contract.monitoring.signing import HOST, PEM_PATH, Sns, proof
from tests.promises.conftest import Tally

FULL = 10_000
MARK = "mark-of-the-body-91c2"
GENUINE_EVERY = 50


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """A door that takes any signature."""
    monkeypatch.setattr(doors, "signed", lambda *_args, **_now: True)


CASES = {
    kind: next(case for case in cases() if case.kind == kind and (case.expect or case.changes))
    for kind in kinds()
    if kind != "slack"
}
DOORS = [(kind, scheme) for kind in CASES for scheme in parser(kind).facts.proofs]
SIGNED = [pair for pair in DOORS if SCHEMES[pair[1]].by_body and pair[1] != "sns"]
BY_SNS = [pair for pair in DOORS if pair[1] == "sns"]
SHOWN = [pair for pair in DOORS if not SCHEMES[pair[1]].by_body]


class Attacker:
    """Makes one bad call of each sort; remembers genuine ones to replay them."""

    def __init__(self, intake: Intake, seeded: random.Random) -> None:
        self.intake = intake
        self.seeded = seeded
        self.other = Sns()
        self.captured: list[tuple[str, bytes, dict[str, str]]] = []

    def body(self, case: Case) -> bytes:
        """A genuine body with a mark of its own."""
        if isinstance(case.body, list):
            return case.raw
        return json.dumps({**case.body, "mark": f"{MARK}-{self.seeded.randrange(10**9)}"}).encode()

    def wrong_secret(self) -> int:
        kind, scheme = self.seeded.choice(SIGNED + SHOWN)
        kinds_of_secret = (
            self.seeded.randbytes(24).hex(),
            secret_of(kind, scheme)[:-1],
            secret_of(kind, scheme).upper(),
            secret_of("grafana", "bearer") if (kind, scheme) != ("grafana", "bearer") else "x" * 48,
            "",
        )
        return self.intake.send(
            kind, scheme, self.body(CASES[kind]), secret=self.seeded.choice(kinds_of_secret)
        )[0]

    def flipped(self) -> int:
        """A bit of the body or of the signature is another one."""
        kind, scheme = self.seeded.choice(SIGNED)
        body = bytearray(self.body(CASES[kind]))
        headers = dict(proof(scheme, secret_of(kind, scheme), bytes(body), AT)[0])
        if self.seeded.random() < 0.5:
            body[self.seeded.randrange(len(body))] ^= 1 << self.seeded.randrange(7)
        else:
            name = self.seeded.choice([name for name in headers if name.endswith(("Signature", "-256"))])
            at = self.seeded.randrange(1, 60)
            old = headers[name][-at]
            headers[name] = (
                headers[name][: len(headers[name]) - at]
                + ("0" if old != "0" else "1")
                + (headers[name][len(headers[name]) - at + 1 :])
            )
        return self.intake.plain(f"/alerts/{kind}", bytes(body), headers)[0]

    def without(self) -> int:
        """A header is missing, doubled in one line, or of another system."""
        kind, scheme = self.seeded.choice(SIGNED)
        body = self.body(CASES[kind])
        headers = dict(proof(scheme, secret_of(kind, scheme), body, AT)[0])
        name = self.seeded.choice(list(headers))
        value = headers.pop(name)
        instead: Sequence[tuple[tuple[str, str], ...]] = (
            (),
            ((name, value), (name, value)),
            ((name, value), (name, "")),
            ((name, value[:-1]),),
            ((name, value[::-1]),),
            ((name, ""),),
            (("X-Other", value),),
        )
        return self.intake.plain(f"/alerts/{kind}", body, headers, *self.seeded.choice(instead))[0]

    def stale(self) -> int:
        """Signed well, at another time."""
        body = self.body(CASES["grafana"])
        late = self.seeded.choice((-86_400, -301, 301, 3600)) * self.seeded.uniform(1, 2)
        headers, _ = proof("grafana", secret_of("grafana", "grafana"), body, AT + late)
        return self.intake.plain("/alerts/grafana", body, dict(headers))[0]

    def elsewhere(self) -> int:
        """A good proof, shown to another kind's door."""
        (kind, scheme), (other, _) = self.seeded.choice(SIGNED + SHOWN), self.seeded.choice(DOORS)
        if other == kind:
            other = "alertmanager" if kind != "alertmanager" else "generic"
        body = self.body(CASES[other])
        headers, query = proof(scheme, secret_of(kind, scheme), body, AT)
        return self.intake.plain(f"/alerts/{other}{query}", body, dict(headers))[0]

    def of_sns(self) -> int:
        """A message of SNS with one thing wrong."""
        kind, _ = self.seeded.choice(BY_SNS)
        right = {"TopicArn": topic_of(CASES[kind]), "MessageId": f"m{self.seeded.randrange(10**12)}"}
        wrong: Sequence[dict[str, Any]] = (
            {"TopicArn": right["TopicArn"] + "-x"},
            {"TopicArn": right["TopicArn"].replace("eu-west-1", "us-east-1")},
            {"SigningCertURL": f"https://{HOST}.example{PEM_PATH}"},
            {"SigningCertURL": f"http://{HOST}{PEM_PATH}"},
            {"SigningCertURL": f"https://{HOST}/other.pem"},
            {"SignatureVersion": self.seeded.choice(("1", "3", ""))},
            {"Timestamp": "2026-11-22T06:58:00.000Z"},
            {"Timestamp": "2026-11-22T09:02:00.000Z"},
            {"_Message": "{}"},
            {"_MessageId": "changed"},
            {"_Signature": self.seeded.randbytes(256).hex()},
            {"_Type": "SubscriptionConfirmation"},
        )
        body = self.body(CASES[kind]).decode()
        signer = self.intake.sns if self.seeded.random() < 0.8 else self.other
        message = signer.wrapped(body, **{**right, **self.seeded.choice(wrong)})
        return self.intake.plain(f"/alerts/{kind}", message, {})[0]

    def replay(self) -> int:
        """What was captured is sent again; it is answered, so that honest senders stop, and counts for nothing."""
        if not self.captured:
            return 401
        path, body, headers = self.seeded.choice(self.captured)
        status, answer = self.intake.plain(path, body, headers)
        return (
            401 if status == 200 and answer["accepted"] == 0 and "taken before" in answer["note"] else status
        )

    def genuine(self, turn: int) -> int:
        """One real call of a signing system, which must be taken all the while."""
        kind, scheme = (SIGNED + BY_SNS)[turn % len(SIGNED + BY_SNS)]
        body = self.body(CASES[kind])
        if kind == "pagerduty":
            event = json.loads(body)
            event["event"]["id"] = f"e{self.seeded.randrange(10**12)}"
            body = json.dumps(event).encode()
        if scheme == "sns":
            changed = {"TopicArn": topic_of(CASES[kind]), "MessageId": f"g{self.seeded.randrange(10**12)}"}
            message = json.loads(body)
            message["id"] = f"e{self.seeded.randrange(10**12)}"
            body, headers = self.intake.sns.wrapped(json.dumps(message), **changed), {}
        else:
            headers = dict(proof(scheme, secret_of(kind, scheme), body, AT)[0])
        status, _answer = self.intake.plain(f"/alerts/{kind}", body, headers)
        self.captured.append((f"/alerts/{kind}", body, headers))
        return status


@pytest.mark.timeout(300)
def test_no_forged_or_replayed_call_of_any_system_is_taken(
    promise: Callable[[int], Tally],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    tally, seeded = promise(13), random.Random(131313)
    with caplog.at_level(logging.DEBUG), capture_logs() as entries, running(tmp_path) as intake:
        attacker = Attacker(intake, seeded)
        sorts = (
            attacker.wrong_secret,
            attacker.flipped,
            attacker.without,
            attacker.stale,
            attacker.elsewhere,
            attacker.of_sns,
            attacker.replay,
        )
        taken = 0
        for turn in range(tally.size(FULL)):
            if turn % GENUINE_EVERY == 0:
                assert attacker.genuine(turn // GENUINE_EVERY) == 200
                taken += 1
            sort = sorts[turn % len(sorts)]
            status = sort()
            tally.check(400 <= status < 500, f"{sort.__name__} was answered {status}")
        tally.check(intake.stored() == taken, f"{intake.stored()} bodies are stored, {taken} were genuine")
    out, errors = capfd.readouterr()
    written = "\n".join([out, errors, caplog.text, *map(repr, entries)])
    tally.check(MARK not in written, "a body is in the log")
    tally.check("now-pagerduty-pagerduty" not in written, "a secret is in the log")
