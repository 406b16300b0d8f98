"""Every source has a page, the table of fixtures and the OpenAPI file are what the generator writes today."""

import json

from openapi_spec_validator import validate

from bot.adapters import registry
from tests.source_docs import DOCS, LINE, README_HEAD, ROOT, readme_table, written


def test_pages_index_table_and_openapi_equal_the_generators_output() -> None:
    for path, text in written().items():
        stale = f"{path.relative_to(ROOT)}: run `python -m tests.source_docs`"
        assert path.read_text(encoding="utf-8") == text, stale
    assert README_HEAD + readme_table().removeprefix(README_HEAD) in (ROOT / "README.md").read_text()


def test_there_is_a_page_for_every_parser_and_no_other() -> None:
    pages = {path.stem for path in (DOCS / "sources").glob("*.md")}
    assert pages == {*registry.names("monitoring"), "index"}
    assert all(LINE in path.read_text() for path in (DOCS / "sources").glob("*.md"))


def test_the_openapi_file_is_valid_and_has_every_route_of_intake() -> None:
    described = json.loads((DOCS / "openapi.json").read_text())
    validate(described)
    over_http = set(registry.names("monitoring")) - {"slack"}
    assert {f"/alerts/{kind}" for kind in over_http} <= set(described["paths"])
