"""The model adapter against a real endpoint: truth, lies and every kind of trouble; the deterministic answer stands."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bot.adapters.reasoner.none import NoReasoner
from bot.adapters.reasoner.openai import OpenAiReasoner
from bot.adapters.reasoner.scripted import ScriptedReasoner
from bot.domain.citations import engine_sentences
from bot.domain.diagnosis.engine import diagnose
from bot.domain.evidence import Diagnosis, Explanation, Sentence
from bot.domain.incident import Incident, IncidentState, Severity
from tests.contract.reasoner.endpoint import Answer, Door, Endpoint, drips, fails, hangs, says, tells
from tests.contract.standing import standing
from tests.unit.domain.test_diagnosis import bad_deploy

DEADLINE_S = 20.0
IMPATIENT_S = 0.5


@pytest.fixture(scope="module")
def diagnosis() -> Diagnosis:
    return diagnose(bad_deploy())


@pytest.fixture
def incident() -> Incident:
    return Incident(
        "i1", "main", 1, "HighErrorRate on front", Severity.SEV1, IncidentState.INVESTIGATING, 0, 1, "ab"
    )


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with standing(Endpoint()) as opened:
        yield opened


@pytest.fixture
def reasoner(endpoint: Endpoint) -> OpenAiReasoner:
    return OpenAiReasoner(base_url=endpoint.url, model="told", api_key="k", deadline_s=DEADLINE_S)


def engine_stands(found: Explanation, diagnosis: Diagnosis) -> None:
    assert found.author == "engine"
    assert found.sentences == engine_sentences(diagnosis)
    assert found.sentences


def test_true_sentences_are_kept_with_their_citations(endpoint, reasoner, incident, diagnosis):
    endpoint.answer = tells(
        ("cart fails after its deploy", ["E1"]), ("front suffers from it", [_of(diagnosis, "front")])
    )
    found = reasoner.explain(incident, diagnosis)
    assert (found.status, found.author, found.dropped) == ("ok", "told", 0)
    assert [sentence.text for sentence in found.sentences] == [
        "cart fails after its deploy",
        "front suffers from it",
    ]
    assert len(found.prompt_sha256) == 64


def test_json_inside_prose_is_read(endpoint, reasoner, incident, diagnosis):
    inner = json.dumps({"sentences": [{"text": "cart fails", "cites": ["E1"]}]})
    endpoint.answer = says(f"Sure! Here it is:\n```json\n{inner}\n```")
    assert reasoner.explain(incident, diagnosis).status == "ok"


LIES = {
    "an unknown id": ("cart fails", ["E99"]),
    "no id": ("cart fails", []),
    "one unknown id among known ones": ("cart fails", ["E1", "E99"]),
    "a service that the evidence does not speak of": ("search is the cause", ["E1"]),
    "a number that the evidence does not hold": ("cart lost 87 % of its requests", ["E1"]),
    "an unknown id in the text": ("cart fails, see E77", ["E1"]),
    "an endless sentence": ("cart fails " * 500, ["E1"]),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_lie_is_dropped_and_the_engine_speaks(lie, endpoint, reasoner, incident, diagnosis):
    endpoint.answer = tells(lie)
    found = reasoner.explain(incident, diagnosis)
    engine_stands(found, diagnosis)
    assert (found.status, found.dropped) == ("garbage", 1)


def test_one_lie_does_not_take_the_truth_with_it(endpoint, reasoner, incident, diagnosis):
    endpoint.answer = tells(("cart fails", ["E1"]), LIES["an unknown id"])
    found = reasoner.explain(incident, diagnosis)
    assert (found.status, found.dropped, len(found.sentences)) == ("ok", 1, 1)


def redirects(door: Door) -> None:
    door.send_response(302)
    door.send_header("Location", "http://127.0.0.1:9/")
    door.send_header("Content-Length", "0")
    door.end_headers()


TROUBLE: dict[str, tuple[Answer, str]] = {
    "garbage": (says("the cause is obvious"), "garbage"),
    "wrong shape": (says(json.dumps({"sentences": "E1"})), "garbage"),
    "wrong types": (says(json.dumps({"sentences": [{"text": 5, "cites": [1]}]})), "garbage"),
    "deep nesting": (says('{"sentences":' + "[" * 20000), "garbage"),
    "empty": (says(""), "garbage"),
    "no content": (says(None), "garbage"),
    "refusal": (says(None, refusal="I will not"), "refused"),
    "429": (fails(429), "error"),
    "500": (fails(500), "error"),
    "401": (fails(401), "error"),
    "400": (fails(400), "error"),
    "not json": (lambda door: door.send(200, b"<html>", "text/html"), "error"),
    "not a completion": (lambda door: door.send(200, b"[]"), "error"),
    "no choices": (lambda door: door.send(200, b'{"choices": []}'), "error"),
    "1 MB": (says("x" * 1_000_000), "error"),
    "redirect": (redirects, "error"),
    "hang": (hangs(30), "timeout"),
    "drip": (drips, "timeout"),
}


@pytest.mark.parametrize("name", TROUBLE)
def test_trouble_is_a_status_and_the_engine_speaks(name, endpoint, incident, diagnosis):
    endpoint.answer, status = TROUBLE[name]
    patience_s = IMPATIENT_S if status == "timeout" else DEADLINE_S
    reasoner = OpenAiReasoner(base_url=endpoint.url, model="told", api_key="k", deadline_s=patience_s)
    found = reasoner.explain(incident, diagnosis)
    engine_stands(found, diagnosis)
    assert found.status == status
    assert len(endpoint.requests) == 1


def test_nobody_there(incident, diagnosis):
    away = OpenAiReasoner(base_url="http://127.0.0.1:9/v1", model="m", api_key="", deadline_s=DEADLINE_S)
    found = away.explain(incident, diagnosis)
    engine_stands(found, diagnosis)
    assert found.status == "error"


def test_what_is_sent_is_fenced_redacted_and_closed(endpoint, reasoner, incident, diagnosis):
    endpoint.answer = tells(("cart fails", ["E1"]))
    secret = "password=hunter22hunter22"
    evidence = tuple(_leaking(item, secret) for item in diagnosis.evidence)
    reasoner.explain(incident, Diagnosis(diagnosis.conclusion, diagnosis.hypotheses, evidence))
    sent = endpoint.requests[0]
    assert "hunter22" not in json.dumps(sent)
    roles = [message["role"] for message in sent["messages"]]
    assert roles == ["system", "user"]
    data = sent["messages"][1]["content"]
    first, last = data.splitlines()[0], data.splitlines()[-1]
    assert first.removeprefix("BEGIN DATA ") == last.removeprefix("END DATA ")
    schema = sent["response_format"]["json_schema"]["schema"]
    ids = schema["properties"]["sentences"]["items"]["properties"]["cites"]["items"]["enum"]
    assert ids == [item.id for item in diagnosis.evidence]
    assert "tools" not in sent


def test_no_evidence_means_no_call(endpoint, reasoner, incident):
    empty = Diagnosis(diagnose(bad_deploy()).conclusion, (), ())
    assert reasoner.explain(incident, empty).status == "none"
    assert endpoint.requests == []


def test_the_other_reasoners_keep_the_contract(incident, diagnosis):
    engine_stands(NoReasoner().explain(incident, diagnosis), diagnosis)
    engine_stands(ScriptedReasoner(status="timeout").explain(incident, diagnosis), diagnosis)
    told = ScriptedReasoner([Sentence("cart fails", ("E1",)), Sentence("search did it", ("E1",))])
    found = told.explain(incident, diagnosis)
    assert (found.author, found.dropped, len(found.sentences)) == ("scripted", 1, 1)


def test_langchain_is_not_loaded_without_a_model():
    script = (
        "import sys; import bot.adapters.reasoner.none, bot.pipeline.investigate;"
        "print([m for m in sys.modules if m.startswith(('langchain', 'openai', 'langsmith'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _of(diagnosis: Diagnosis, service: str) -> str:
    return next(item.id for item in diagnosis.evidence if item.service == service)


def _leaking(item, secret):
    return type(item)(**{**{name: getattr(item, name) for name in item.__slots__}, "quote": secret})
