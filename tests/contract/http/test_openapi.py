"""Schemathesis on every route of the shipped OpenAPI file, against the web process's own application.

Each case is sent with and without its authenticity: nothing is ever a 500, every answer is one that the file names in
the shape that it names, nothing unproved is stored, and no body and no stack trace reaches the log.
WATCHKEEPER_TEST_FUZZ=N draws N bodies for each route and mode, anew in each run, instead of a few.
"""

import json
import os
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from starlette.routing import Route

from bot.domain.authenticity import SCHEMES
from bot.slack.recording import DELIVERY
from tests.contract.http.unrewritten import imported
from tests.contract.http.web_app import CANARY, OPERATOR_TOKEN, Answer, Called, slack_headers
from tests.contract.monitoring.conftest import secret_of
from tests.contract.monitoring.fixtures import AT, cases, kinds, parser
from tests.contract.monitoring.signing import TOPIC, proof

schemathesis = imported("schemathesis")
checks = imported("schemathesis.specs.openapi.checks")
Response = imported("schemathesis.core.transport").Response
MODES = tuple(imported("schemathesis.generation.modes").GenerationMode)

API: Mapping[str, Any] = json.loads(
    (Path(__file__).resolve().parents[3] / "docs" / "openapi.json").read_text(encoding="utf-8")
)
SCHEMA = schemathesis.openapi.from_dict(dict(API))
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations()}
CHECKS = [checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance]
FUZZ = int(os.environ.get("WATCHKEEPER_TEST_FUZZ", "0"))
EXAMPLES = FUZZ or 3
# A third of the routes has bodies drawn besides in each run; which one, the run's own number says.
DRAW = int(os.environ.get("WATCHKEEPER_TEST_DRAW", "0"))
# Every so many of the cases that cover a schema's borders are sent; all of them where more is asked for.
EACH = 1 if FUZZ else 6
SENT = ("Host", "bot.example.com")
PROOFS = (scheme.header for scheme in SCHEMES.values())
OURS = {"authorization", "host", "content-length", "cookie", *(name.lower() for name in PROOFS if name)}
NUMBERS = count(1)
# A signature of Slack's that was seen is kept too, so that it is taken once; it is no act.
STORED = (
    "SELECT (SELECT COUNT(*) FROM raw_bodies) + (SELECT COUNT(*) FROM switches)"
    f" + (SELECT COUNT(*) FROM inbox WHERE kind != '{DELIVERY}')"
)


def covering(label: str) -> Iterator[Any]:
    """Schemathesis' own cases at the borders of a schema: each field missing, of a wrong type, too much."""
    made = SCHEMA.iter_coverage_cases(
        OPERATIONS[label], generation_modes=list(MODES), generation_config=SCHEMA.config.generation
    )
    return (case for at, case in enumerate(made) if at % EACH == 0)


def prepared(case: Any) -> requests.PreparedRequest:
    """The case as bytes."""
    given_ = case.as_transport_kwargs(base_url="http://bot.example.com")
    given_["headers"] = {
        name: text
        for name, text in given_["headers"].items()
        if str(text).isprintable() and str(text).isascii()
    }
    return requests.Request(**given_).prepare()


def body_of(request: requests.PreparedRequest) -> bytes:
    content = request.body or b""
    return content.encode("utf-8", "surrogatepass") if isinstance(content, str) else bytes(content)


class Sender:
    """Sends the cases of one route, proved and unproved, and judges each answer."""

    def __init__(self, web_app: Called, label: str) -> None:
        self.app = web_app
        self.method, self.path = label.split(" ")
        self.kind = self.path.rpartition("/")[2]
        self.statuses: set[int] = set()
        self.seen: set[bytes] = set()

    def both(self, case: Any) -> None:
        """The case without, then with its authenticity."""
        request = prepared(case)
        body, sent = body_of(request), self._plain_headers(request)
        before = self._stored()
        answer = self.app.call(case.method, self.path, body, [*sent, ("Authorization", f"Bearer {CANARY}")])
        self._judge(case, request, answer)
        assert self._stored() == before, "stored without a proof"
        if self.method == "POST" and case.method == "POST":
            assert answer.status in (401, 413), answer
            self.proved(case, request, body, sent)

    def proved(
        self, case: Any, request: requests.PreparedRequest, body: bytes, sent: list[tuple[str, str]]
    ) -> None:
        before = self._stored()
        if self.path == "/slack/events":
            answer = self._from_slack(body, request)
        elif self.path == "/switch":
            answer = self.app.call(
                "POST", self.path, body, [*sent, ("Authorization", f"Bearer {OPERATOR_TOKEN}")]
            )
        else:
            answer = self.from_source(body, sent)
        self._judge(case, request, answer)
        # The same bytes in the same second have the same signature, which Slack's door takes once.
        assert answer.status != 401 or body in self.seen, "a proof of the test is not taken"
        self.seen.add(body)
        assert (self._stored() > before) <= (answer.status == 200)

    def from_source(self, body: bytes, sent: list[tuple[str, str]]) -> Answer:
        schemes = parser(self.kind).facts.proofs
        scheme = schemes[next(NUMBERS) % len(schemes)]
        if scheme == "sns":
            topic = TOPIC if self.kind == "cloudwatch" else f"{TOPIC}-{self.kind}"
            body = self.app.sns.wrapped(body.decode("utf-8", "replace"), TopicArn=topic)
        headers, query = proof(scheme, secret_of(self.kind, scheme), body, AT)
        return self.app.call("POST", f"{self.path}{query}", body, [*sent, *headers.items()])

    def _from_slack(self, body: bytes, request: requests.PreparedRequest) -> Answer:
        kind = str(request.headers.get("Content-Type", "application/json"))
        return self.app.call("POST", self.path, body, slack_headers(body, kind))

    def _judge(self, case: Any, request: requests.PreparedRequest, answer: Answer) -> None:
        self.statuses.add(answer.status)
        said = self.app.logged()
        assert answer.status != 500, answer
        assert "Traceback" not in said, said
        assert CANARY not in said, said
        if case.method != self.method:
            assert answer.status in (200, 405, 401), answer
            return
        shown = {name: [text] for name, text in answer.headers.items()}
        case.validate_response(
            Response(answer.status, shown, answer.content, request, 0.0, False), checks=CHECKS
        )

    def _plain_headers(self, request: requests.PreparedRequest) -> list[tuple[str, str]]:
        """What is sent besides a proof; a drawn one is left out, since a doubled header is refused."""
        given_ = ((name, str(text)) for name, text in request.headers.items() if name.lower() not in OURS)
        return [SENT, *given_]

    def _stored(self) -> int:
        return int(self.app.look.execute(STORED).fetchone()[0])


def test_the_file_names_every_route_of_the_application(web_app: Called) -> None:
    served: set[tuple[str, str]] = set()
    for route in web_app.app.routes:
        assert isinstance(route, Route)
        over_http = [kind for kind in kinds() if kind != "slack"]
        paths = [route.path.replace("{kind}", kind) for kind in over_http]
        served |= {(path, method) for path in paths for method in (route.methods or set()) - {"HEAD"}}
    named = {(path, method.upper()) for path, methods in API["paths"].items() for method in methods}
    assert named == served


def test_a_body_that_no_sender_needs_is_refused_before_it_is_whole(web_app: Called) -> None:
    before = web_app.look.execute(STORED).fetchone()
    huge = b'{"x": "' + CANARY.encode() * 100_000 + b'"}'
    for path in sorted(path for path, methods in API["paths"].items() if "post" in methods):
        answer = web_app.call("POST", path, huge, [SENT, ("Content-Type", "application/json")])
        assert answer.status in (401, 413), (path, answer)
    body = b"do=stop&scope=tenant&reason=" + huge
    bearer = ("Authorization", f"Bearer {OPERATOR_TOKEN}")
    assert web_app.call("POST", "/switch", body, [SENT, bearer]).status == 413
    assert web_app.look.execute(STORED).fetchone() == before
    assert CANARY not in web_app.logged()


@pytest.mark.parametrize("label", sorted(OPERATIONS))
def test_every_route_answers_as_the_file_says(label: str, web_app: Called) -> None:
    sender = Sender(web_app, label)
    for case in covering(label):
        sender.both(case)
    if FUZZ or (DRAW + sorted(OPERATIONS).index(label)) % 3 == 0:
        for mode in MODES if FUZZ and label.startswith("POST") else MODES[:1]:
            _drawn(sender, label, mode)
    if label.startswith("POST /alerts/"):
        _genuine(sender)
        assert {200, 401} <= sender.statuses, "neither taken nor refused: nothing was tried"


def _genuine(sender: Sender) -> None:
    """A call of the fixtures is taken, so that a refusal of others is one of their content."""
    body = next(case.raw for case in cases() if case.kind == sender.kind)
    sender.statuses.add(sender.from_source(body, [SENT]).status)


def _drawn(sender: Sender, label: str, mode: Any) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=not FUZZ,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(OPERATIONS[label].as_strategy(generation_mode=mode))
    def draws(case: Any) -> None:
        if isinstance(case.body, dict):
            case.body = {**case.body, "x-canary": CANARY}
        sender.both(case)

    draws()
