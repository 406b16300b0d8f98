"""A model behind any OpenAI-compatible endpoint, through LangChain: it explains in cited sentences and decides nothing.

Whatever goes wrong (slow, away, refusing, lying, garbage) is a status; the engine's own sentences stand in for it.
Imported only where a model is configured, since LangChain is heavy.
"""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import Any

import httpx
import openai
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from langsmith import tracing_context
from pydantic import SecretStr

from bot.adapters.bounded_http import Bounded
from bot.domain.canonical import Json
from bot.domain.citations import checked, engine_explanation
from bot.domain.evidence import Diagnosis, Explanation, Sentence
from bot.domain.incident import Incident
from bot.domain.redaction import redact
from bot.settings import Settings

MOST_TOKENS = 900
MOST_BYTES = 256 * 1024
MOST_TEXT = 32 * 1024


class OpenAiReasoner:
    """`bot.ports.Reasoner` over chat completions with a JSON schema; one call, no retries, one deadline for all."""

    name = "openai"

    def __init__(self, *, base_url: str, model: str, api_key: str, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._model = model
        self._prompt = files("bot").joinpath("prompts/explain.md").read_text(encoding="utf-8")
        self._sha256 = hashlib.sha256(self._prompt.encode()).hexdigest()
        self._chat = ChatOpenAI(
            model=model,
            base_url=base_url or None,
            api_key=SecretStr(api_key or "none"),
            timeout=deadline_s,
            max_retries=0,
            max_completion_tokens=MOST_TOKENS,
            use_responses_api=False,
            http_client=httpx.Client(
                transport=Bounded(deadline_s, MOST_BYTES, url=base_url), timeout=deadline_s, trust_env=False
            ),
        )

    def explain(self, incident: Incident, diagnosis: Diagnosis) -> Explanation:
        """Sentences that survive the checks; never raises, trouble is said in `status`."""
        if not diagnosis.evidence:
            return engine_explanation(diagnosis, "none")
        status, sentences = self._within_deadline(incident, diagnosis)
        kept, dropped = checked(sentences, diagnosis)
        if not kept:
            told = "garbage" if status == "ok" else status
            return engine_explanation(diagnosis, told, dropped=dropped, prompt_sha256=self._sha256)
        return Explanation(self._model, status, kept, dropped, self._sha256)

    def _within_deadline(self, incident: Incident, diagnosis: Diagnosis) -> tuple[str, list[Sentence]]:
        """Whatever the endpoint makes the client libraries raise is a status, looked at rather than caught."""
        pool = ThreadPoolExecutor(1, thread_name_prefix="reasoner")
        asked = pool.submit(self._asked, incident, diagnosis)
        pool.shutdown(wait=False)
        try:
            error = asked.exception(timeout=self._deadline_s)
        except TimeoutError:
            return "timeout", []
        if error is None:
            return asked.result()
        timed_out = isinstance(error, openai.APITimeoutError | httpx.TimeoutException)
        return ("timeout" if timed_out else "error"), []

    def _asked(self, incident: Incident, diagnosis: Diagnosis) -> tuple[str, list[Sentence]]:
        messages = [SystemMessage(self._prompt), HumanMessage(fenced(incident, diagnosis))]
        schema = answer_schema([item.id for item in diagnosis.evidence])
        with tracing_context(enabled=False):
            answer = self._chat.bind(response_format=schema).invoke(messages)
        if answer.additional_kwargs.get("refusal"):
            return "refused", []
        if answer.response_metadata.get("finish_reason") == "content_filter":
            return "refused", []
        return read_answer(answer.text)


def build(settings: Settings) -> OpenAiReasoner:
    """The reasoner that settings ask for."""
    key = settings.model_api_key
    return OpenAiReasoner(
        base_url=settings.model_base_url,
        model=settings.model_name,
        api_key=key.get_secret_value() if key else "",
        deadline_s=settings.model_deadline_s,
    )


def fenced(incident: Incident, diagnosis: Diagnosis) -> str:
    """Everything that was read, redacted, as data between markers that the data cannot foresee."""
    data: dict[str, Json] = {
        "title": incident.title,
        "conclusion": diagnosis.conclusion.value,
        "hypotheses": [
            {
                "service": one.service,
                "class": one.cause.value,
                "confidence": one.confidence,
                "because": list(one.because),
                "path": list(one.path),
            }
            for one in diagnosis.hypotheses
        ],
        "evidence": [
            {
                "id": item.id,
                "kind": item.kind.value,
                "role": item.role.value,
                "service": item.service,
                "trust": item.trust.value,
                "text": item.text,
                "quote": item.quote,
            }
            for item in diagnosis.evidence
        ],
        "missing": list(diagnosis.missing),
    }
    text = redact(json.dumps(data, ensure_ascii=False, indent=1))
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"BEGIN DATA {mark}\n{text}\nEND DATA {mark}"


def answer_schema(ids: list[str]) -> dict[str, Any]:
    """The shape of an answer: sentences that cite ids out of the closed set."""
    sentence = {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "cites": {"type": "array", "items": {"type": "string", "enum": ids}},
        },
        "required": ["text", "cites"],
        "additionalProperties": False,
    }
    schema = {
        "type": "object",
        "properties": {"sentences": {"type": "array", "items": sentence}},
        "required": ["sentences"],
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": "explanation", "strict": True, "schema": schema}}


def read_answer(text: str) -> tuple[str, list[Sentence]]:
    """Sentences from the answer's JSON, which may stand inside other text; `garbage` when there is none."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start or len(text) > MOST_TEXT:
        return "garbage", []
    try:
        found = json.loads(text[start : end + 1])
        sentences = [
            Sentence(redact(_text(one["text"])), tuple(map(_text, one["cites"])))
            for one in found["sentences"]
        ]
    except (ValueError, TypeError, KeyError, RecursionError):
        return "garbage", []
    return "ok", sentences


def _text(value: object) -> str:
    if not isinstance(value, str):
        message = "not a string"
        raise TypeError(message)
    return " ".join(value.split())
