"""Every route of the shipped OpenAPI file, with bodies drawn from its schemas and with bodies that are none.

Whatever comes, the answer is one that the file names, never a 500, and what was not a 2xx is not stored.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.monitoring.conftest import Intake
from tests.contract.monitoring.fixtures import parser

API: Mapping[str, Any] = json.loads(
    (Path(__file__).resolve().parents[3] / "docs" / "openapi.json").read_text(encoding="utf-8")
)
POSTED = sorted(path for path in API["paths"] if path.startswith("/alerts/"))
SHOWN = ("/healthz", "/readyz", "/metrics")
DEEPEST = 4
# A number of examples for each route; there are thirty of them.
EXAMPLES = 6

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
ANYTHING = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def drawn(schema: Mapping[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of a schema of the file; now and then something else stands in their place."""
    if "$ref" in schema:
        return drawn(API["components"]["schemas"][schema["$ref"].rpartition("/")[2]], depth)
    if depth > DEEPEST:
        return PLAIN
    fits = _fitting(schema, depth)
    return st.one_of(fits, fits, fits, fits, fits, fits, ANYTHING)


def _fitting(schema: Mapping[str, Any], depth: int) -> st.SearchStrategy[Any]:
    if "anyOf" in schema:
        return st.one_of([drawn(one, depth + 1) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        known = {name: drawn(one, depth + 1) for name, one in schema.get("properties", {}).items()}
        needed = {name: known.pop(name) for name in schema.get("required", ()) if name in known}
        more = schema.get("additionalProperties")
        if not needed and not known and isinstance(more, Mapping):
            return st.dictionaries(st.text(max_size=10), drawn(more, depth + 1), max_size=4)
        return st.fixed_dictionaries(needed, optional=known)
    if kind == "array":
        return st.lists(drawn(schema.get("items", {}), depth + 1), max_size=3)
    simple = {
        "string": st.text(max_size=30) | st.just("2026-05-04T03:10:00Z"),
        "integer": st.integers(),
        "number": st.floats() | st.integers(),
        "boolean": st.booleans(),
        "null": st.none(),
    }
    return simple.get(str(kind), ANYTHING)


def written(value: Any) -> bytes:
    """As a sender might: NaN and lone surrogates too."""
    return json.dumps(value, allow_nan=True).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("path", POSTED)
def test_a_proved_call_gets_an_answer_that_the_file_names(path: str, intake: Intake) -> None:
    kind = path.rpartition("/")[2]
    scheme = next((one for one in parser(kind).facts.proofs if one != "sns"), "sns")
    content = API["paths"][path]["post"]["requestBody"]["content"]
    schema = next(iter(content.values())).get("schema", {})
    named = {int(status) for status in API["paths"][path]["post"]["responses"]}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    @given(drawn(schema) | ANYTHING)
    def calls(value: Any) -> None:
        before = intake.stored()
        status, _ = intake.send(kind, scheme, written(value))
        assert status in named
        assert status != 500
        assert (intake.stored() > before) <= (status == 200)

    calls()


@settings(
    max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(POSTED),
    ANYTHING,
    st.text(alphabet=st.characters(codec="latin-1", exclude_categories=["Cc"])),
)
def test_an_unproved_call_is_401(intake: Intake, path: str, value: Any, token: str) -> None:
    before = intake.stored()
    status, _ = intake.plain(path, written(value), {"Authorization": f"Bearer {token}".strip()})
    assert status in (401, 413)
    assert intake.stored() == before


@pytest.mark.parametrize("path", SHOWN)
def test_what_is_shown_is_as_the_file_says(path: str, intake: Intake) -> None:
    answer = httpx.get(f"http://127.0.0.1:{intake.port}{path}", trust_env=False)
    named = API["paths"][path]["get"]["responses"]
    assert str(answer.status_code) in named
    assert answer.headers["content-type"].split(";")[0] in named[str(answer.status_code)]["content"]
