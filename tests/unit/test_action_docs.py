"""Every action has a page, and every page is what the generator writes today."""

import re
import sys

import pytest

from bot.domain.action_words.table import WORDS
from bot.domain.actions.table import ACTIONS
from bot.domain.catalogue import Action
from tests.action_docs import ROOT, written
from tests.contract.executors.beds import BEDS

DOCS = ROOT / "docs"


def test_pages_and_table_equal_the_generators_output() -> None:
    pages = written()
    assert {f"actions/{path.name}" for path in (DOCS / "actions").glob("*.md")} == set(pages) - {"actions.md"}
    for name, text in pages.items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, f"{name}: run `python -m tests.action_docs`"


def test_words_and_proofs_are_of_actions_that_exist() -> None:
    assert set(WORDS) == set(ACTIONS)
    assert set(BEDS) == set(ACTIONS)


@pytest.mark.parametrize("action", ACTIONS.values(), ids=lambda action: action.id)
def test_its_words_say_when_it_refuses(action: Action) -> None:
    """An action with a precondition of its own says it, and one without invents none."""
    default = Action.__dataclass_fields__["refuses"].default
    assert bool(WORDS[action.id].refuses) == (action.refuses is not default)
    assert WORDS[action.id].risks or action.read_only


@pytest.mark.parametrize("action", ACTIONS.values(), ids=lambda action: action.id)
def test_the_file_that_proves_it_names_it(action: Action) -> None:
    """The test file, or a file of scenes that it imports, uses the action by its constant or its id."""
    proof = BEDS[action.id]
    assert proof.beds
    text = (ROOT / proof.test).read_text()
    files = [
        ROOT / f"{name.replace('.', '/')}.py"
        for name in re.findall(r"^from (tests\.[a-z_.]+) import", text, re.MULTILINE)
    ]
    texts = [text, *(path.read_text() for path in files if path.is_file())]
    assert [one for one in texts if _constant(action) in one or f'"{action.id}"' in one] != []


def _constant(action: Action) -> str:
    modules = [module for name, module in sys.modules.items() if name.startswith("bot.domain.actions.")]
    return next(name for module in modules for name, value in vars(module).items() if value is action)
