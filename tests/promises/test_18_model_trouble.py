"""Promise 18: trouble with the model never blocks triage. Every kind of it over a real endpoint, in whole investigations."""

import json
import random
from collections.abc import Callable

import pytest

from bot.adapters.reasoner import openai
from bot.adapters.reasoner.none import NoReasoner
from bot.adapters.reasoner.openai import OpenAiReasoner
from bot.adapters.store.sql import SqlStore
from bot.domain.citations import engine_sentences
from bot.domain.correlation import sorted_out
from bot.domain.event import EventType
from bot.domain.incident import Incident
from bot.domain.records import MessageKind, StoredAlert, Task, TaskKind
from bot.pipeline.declare import declare
from bot.pipeline.investigate import investigate
from bot.ports import Reasoner, Transaction
from tests.contract.reasoner.endpoint import Answer, Door, Endpoint, drips, fails, hangs, says, tells
from tests.contract.reasoner.test_openai import LIES, redirects
from tests.promises.conftest import Tally
from tests.unit.domain.incidents import OPENED
from tests.unit.domain.test_diagnosis import bad_deploy
from tests.unit.pipeline.test_investigate import At, Graph, Told, nothing, readings

FULL, FULL_SLOW = 400, 10
DEADLINE_S = 20.0
IMPATIENT_S = 0.5
HUGE = says("x" * 1_000_000)
ENDLESS = tells(*((f"cart fails {at}", ["E1"]) for at in range(20_000)))
OURS = frozenset({"number", "id", "seq", "head", "timeline", "explanation"})


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sentence is believed, whatever it cites."""
    monkeypatch.setattr(openai, "checked", lambda sentences, _diagnosis: (tuple(sentences), 0))


def sends(body: bytes, status: int = 200, kind: str = "application/json") -> Answer:
    return lambda door: door.send(status, body, kind)


def hangs_up(door: Door) -> None:
    door.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")


def quick(seeded: random.Random) -> tuple[str, Answer]:
    """One kind of trouble that ends by itself."""
    sentences = [{"text": "cart fails after its deploy", "cites": ["E1"]}]
    whole = json.dumps({"sentences": sentences})
    ids = [f"E{seeded.randrange(-5, 2000)}" for _ in range(3)]
    made: dict[str, Answer] = {
        "status": fails(seeded.choice([400, 401, 403, 404, 408, 409, 418, 422, 429, 500, 502, 503, 504, 529])),
        "empty": says(""),
        "nothing": says(None),
        "refusal": says(None, refusal="I cannot help with that"),
        "tool call": says(None, tool_calls=[_tool_call()]),
        "garbage": says(seeded.randbytes(seeded.randrange(400)).decode("latin-1")),
        "cut": says(whole[: seeded.randrange(len(whole))]),
        "flipped": says(whole.replace(seeded.choice(whole), seeded.choice('{}[]",:x0'))),
        "1 MB": HUGE,
        "1 MB of sentences": ENDLESS,
        "wrong schema": says(json.dumps(seeded.choice([[], {}, {"sentences": 5}, {"sentences": [[]]}, "E1", None]))),
        "wrong types": says(json.dumps({"sentences": [{"text": 5, "cites": {"E1": 1}}]})),
        "deep": says('{"sentences":' + "[" * 50_000),
        "other language": tells(("корзина падает после выкладки", ids), ("カートが失敗しました", ["E0"])),
        "invented ids": tells(("cart fails", ids), ("cart fails", [])),
        "lie": tells(seeded.choice(list(LIES.values()))),
        "order": tells(("Approve option A at once <!channel>, run `kubectl delete ns production`", ["E99"])),
        "html": sends(b"<html>gateway</html>", kind="text/html"),
        "html with 200 and json": sends(b"<html>"),
        "no completion": sends(seeded.choice([b"[]", b"null", b"{}", b'{"choices": []}', b'{"choices": [5]}', b'"x"'])),
        "no bytes": sends(b""),
        "not utf-8": sends(b"\xff\xfe\x00"),
        "redirect": redirects,
        "hangs up": hangs_up,
    }  # fmt: skip
    name = seeded.choice(list(made))
    return name, made[name]


def _tool_call() -> dict[str, object]:
    return {"id": "t", "type": "function", "function": {"name": "kubectl", "arguments": "{}"}}


def investigated(store: SqlStore, name: str, reasoner: Reasoner) -> Incident:
    """A whole investigation of a new incident."""
    told = bad_deploy()
    renamed = [alert._replace(fingerprint=f"{name}-{alert.fingerprint}") for alert in told.alerts]

    def open_it(tx: Transaction) -> None:
        declare(
            tx,
            sorted_out(told.alerts),
            incident=name,
            now=OPENED + len(tx.open_incidents()),
            observe_only=False,
        )
        tx.save_alerts([StoredAlert(alert, name, "first", 1, 1) for alert in renamed])

    store.transact(open_it)
    investigate(
        Task(1, TaskKind.INVESTIGATE, name, "declared", 1, 1),
        store=store,
        sources=[Told(readings(told))],
        topology=Graph(),
        clock=At(),
        reasoner=reasoner,
        propose=nothing,
    )
    found = store.read(lambda tx: tx.incident(name))
    assert found is not None
    return found


def deterministic(incident: Incident) -> dict[str, object]:
    """Everything that the card shows beside the prose."""
    kept = {field: getattr(incident, field) for field in incident.__slots__ if field not in OURS}
    return {**kept, "opened_ms": 0}


class Witness:
    """An endpoint's answer that first looks whether the card already has what the engine found."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.incident = ""
        self.answer: Answer = says("")
        self.early = True

    def __call__(self, door: Door) -> None:
        def look(tx: Transaction) -> bool:
            ranked = any(event.type is EventType.HYPOTHESES_RANKED for event in tx.events(self.incident))
            return ranked and tx.message(self.incident, MessageKind.CARD) is not None

        self.early = self.store.read(look)
        self.answer(door)


def judge(tally: Tally, kind: str, reference: Incident, found: Incident) -> None:
    tally.check(deterministic(found) == deterministic(reference), f"{kind}: the engine's part differs")
    assert found.diagnosis is not None
    said, known = found.explanation, {item.id for item in found.diagnosis.evidence}
    if said is None or not said.sentences:
        tally.broken(f"{kind}: nobody explains")
    elif said.author == "engine":
        tally.check(said.sentences == engine_sentences(found.diagnosis), f"{kind}: not the engine's words")
    else:
        cited = all(sentence.cites and set(sentence.cites) <= known for sentence in said.sentences)
        tally.check(cited, f"{kind}: a sentence cites what does not exist")


@pytest.mark.timeout(600)
def test_trouble_changes_nothing_but_the_prose(
    promise: Callable[[int], Tally], store: SqlStore, endpoint: Endpoint
) -> None:
    tally, seeded, witness = promise(18), random.Random(18), Witness(store)
    endpoint.answer = witness
    reference = investigated(store, "reference", NoReasoner())
    patient, impatient = (
        OpenAiReasoner(base_url=endpoint.url, model="told", api_key="k", deadline_s=wait)
        for wait in (DEADLINE_S, IMPATIENT_S)
    )
    slow: list[tuple[str, Answer]] = [("hang", hangs(30.0)), ("drip", drips)]
    trials = [slow[at % 2] for at in range(tally.size(FULL_SLOW, least=2))]
    trials += [quick(seeded) for _ in range(tally.size(FULL, least=30))]
    for number, (kind, answer) in enumerate(trials):
        witness.incident, witness.answer = f"trial-{number}", answer
        endless = kind in {name for name, _answer in slow}
        found = investigated(store, witness.incident, impatient if endless else patient)
        judge(tally, kind, reference, found)
        tally.check(witness.early, f"{kind}: the card waited for the model")
        said = found.explanation
        left = said is not None and (said.status == "timeout" or not endless)
        tally.check(left, f"{kind}: waited out what never ends")
    assert len(endpoint.requests) == len(trials), "one call each, no retries"
    nobody = OpenAiReasoner(base_url="http://127.0.0.1:9/v1", model="m", api_key="", deadline_s=DEADLINE_S)
    judge(tally, "nobody there", reference, investigated(store, "away", nobody))
