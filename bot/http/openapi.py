"""The OpenAPI description of every route, made from the sources' facts; docs/openapi.json is what it says."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.authenticity import SCHEMES, Means, Scheme
from bot.domain.source_facts import SMALL_BYTES, SourceFacts

_Json = dict[str, Any]
_ERROR: _Json = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string", "description": "One sentence: what is wrong."}},
}
_TAKEN: _Json = {
    "type": "object",
    "required": ["accepted"],
    "properties": {
        "accepted": {"type": "integer", "minimum": 0, "description": "Alerts in the call."},
        "changes": {"type": "integer", "minimum": 1},
        "note": {"type": "string", "description": "Why nothing is opened, or what was done besides."},
    },
}
_READY: _Json = {
    "type": "object",
    "required": ["ready", "mode", "problems"],
    "properties": {
        "ready": {"type": "boolean"},
        "mode": {"type": "string"},
        "problems": {"type": "array", "items": {"type": "string"}},
    },
}


def openapi(facts: Sequence[SourceFacts], schemas: Mapping[str, tuple[_Json, _Json]]) -> _Json:
    """The whole description; `schemas` gives for a kind its body's schema and the components that it uses."""
    ordered = sorted((one for one in facts if one.kind != "slack"), key=lambda one: one.kind)
    components: _Json = {"Error": _ERROR, "Taken": _TAKEN}
    for one in ordered:
        components |= schemas.get(one.kind, ({}, {}))[1]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Watchkeeper",
            "version": "1",
            "description": "Alerts in, health out, and the switch.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            **{f"/alerts/{one.kind}": {"post": _intake(one, schemas)} for one in ordered},
            "/healthz": {"get": _plain("This process answers.", "healthz")},
            "/readyz": {"get": _ready()},
            "/metrics": {"get": _plain("Counters in Prometheus text format.", "metrics")},
            "/switch": {"get": _page("show"), "post": _turn()},
            "/slack/events": {"post": _slack()},
        },
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {name: _security(scheme) for name, scheme in sorted(SCHEMES.items())},
        },
    }


def _intake(facts: SourceFacts, schemas: Mapping[str, tuple[_Json, _Json]]) -> _Json:
    body = schemas.get(facts.kind, ({"type": "object"}, {}))[0]
    answers = {
        "200": ("Durable, or known before.", "Taken"),
        "400": ("Not such a call; the sentence says why.", "Error"),
        "401": ("No source of this kind is proved by the call.", "Error"),
        "413": (
            f"Larger than {facts.most_bytes // SMALL_BYTES} MiB, or than 1 MiB before the proof.",
            "Error",
        ),
        "503": ("Not stored; send it again after Retry-After.", "Error"),
    }
    return {
        "operationId": f"take_{facts.kind}",
        "summary": facts.title,
        "security": [{name: []} for name in facts.proofs],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {status: _json(words, name) for status, (words, name) in answers.items()},
    }


def _json(words: str, component: str) -> _Json:
    schema = {"$ref": f"#/components/schemas/{component}"}
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _security(scheme: Scheme) -> _Json:
    if scheme.means in (Means.BEARER, Means.BASIC):
        return {"type": "http", "scheme": scheme.means.value, "description": scheme.words}
    place = "query" if scheme.means is Means.QUERY else "header"
    name = scheme.header or "x-amz-sns-message-type"
    return {"type": "apiKey", "in": place, "name": name, "description": scheme.words}


def _plain(words: str, name: str) -> _Json:
    content = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "operationId": name,
        "summary": words,
        "security": [],
        "responses": {"200": {"description": words, "content": content}},
    }


def _ready() -> _Json:
    content = {"application/json": {"schema": _READY}}
    return {
        "operationId": "readyz",
        "summary": "Whether the product can work now.",
        "security": [],
        "responses": {
            "200": {"description": "It can.", "content": content},
            "503": {"description": "It cannot; the problems say why.", "content": content},
        },
    }


def _page(name: str) -> _Json:
    content = {"text/html": {"schema": {"type": "string"}}}
    return {
        "operationId": f"switch_{name}",
        "summary": "The page that stops and freezes.",
        "security": [{}, {"bearer": []}],
        "responses": {
            status: {"description": words, "content": content}
            for status, words in {
                "200": "The page.",
                "401": "The token is missing or wrong.",
                "503": "The database is away.",
            }.items()
        },
    }


def _turn() -> _Json:
    names = ("do", "scope", "lasts", "reason", "form", "token")
    properties = {name: {"type": "string"} for name in names}
    form = {"type": "object", "required": ["do"], "properties": properties}
    page = _page("turn")
    content = page["responses"]["200"]["content"]
    page["requestBody"] = {"content": {"application/x-www-form-urlencoded": {"schema": form}}}
    page["responses"] |= {
        "400": {"description": "Nothing was set; the page says why.", "content": content},
        "403": {"description": "The form is old or not ours.", "content": content},
        "413": {"description": "Larger than such a form.", "content": content},
    }
    return page


def _slack() -> _Json:
    return {
        "operationId": "slack_events",
        "summary": "Slack's events, commands and clicks, in HTTP mode alone; signed by Slack.",
        "security": [],
        "requestBody": {
            "content": {
                "application/json": {"schema": {"type": "object"}},
                "application/x-www-form-urlencoded": {"schema": {"type": "object"}},
            }
        },
        "responses": {
            "200": {"description": "Recorded."},
            "400": {"description": "Signed, but not what Slack sends."},
            "401": {"description": "Not Slack's, old, or seen before."},
            "404": {"description": "Socket Mode is chosen, or nothing of ours has that name."},
            "405": {"description": "Socket Mode is chosen, so there is no such route."},
            "503": {"description": "Not stored; Slack sends it again or tells the person."},
        },
    }
