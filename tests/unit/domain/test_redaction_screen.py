"""The quick look lets no text through that redaction would change, and changes nothing itself."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain import redaction
from bot.domain.redaction import redact
from bot.domain.redaction_screen import Screen, redactor
from tests.unit.domain.test_redaction import PLAIN, SECRETS

PATTERNS = [
    *(pattern for _, pattern in redaction._SHAPES),
    *(pattern for _, pattern in redaction._PLACES),
    redaction._NAMED,
]
ASCII = st.characters(codec="ascii", exclude_categories=["Cc"])


KEPT = Screen()


def cleaned(text: str, *others: str) -> str:
    """By the quick look alone, and by screens that have seen nothing, these texts, and the texts of every test."""
    screen = Screen()
    looks = [redactor, screen.redactor, screen.redactor, KEPT.redactor]
    found = {clean(text) if (clean := look({text, *others})) else text for look in looks}
    assert len(found) == 1
    return found.pop()


@pytest.mark.parametrize("text", [*SECRETS, *PLAIN], ids=lambda text: text[:24])
def test_it_does_what_redaction_does(text: str) -> None:
    assert cleaned(text, "svc-1", "10.0.0.1:9100") == redact(text)


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.pattern[:24])
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_whatever_a_pattern_matches_is_searched(pattern: re.Pattern[str], data: st.DataObject) -> None:
    text = data.draw(st.from_regex(pattern, alphabet=ASCII))
    others = data.draw(st.lists(st.text(alphabet=ASCII, max_size=30), max_size=4))
    assert cleaned(text, *others) == redact(text)


@given(st.lists(st.text(max_size=60), max_size=6))
def test_any_text_comes_out_as_from_redaction(texts: list[str]) -> None:
    assert [cleaned(text, *texts) for text in texts] == [redact(text) for text in texts]


@pytest.mark.parametrize("secret", SECRETS, ids=lambda text: text[:24])
def test_a_secret_is_found_after_texts_of_its_shape_that_differ_in_letters(secret: str) -> None:
    screen = Screen()
    for letter in "xyz":
        screen.redactor({re.sub(r"[A-Za-z]", letter, secret)})
    clean = screen.redactor({secret, "svc-1"})
    assert clean is not None
    assert clean(secret) == redact(secret)


def test_nothing_is_searched_where_nothing_can_be_hidden() -> None:
    assert redactor({"HighErrorRate on svc-00060", "10.0.0.1:9100", "prod-eu-1"}) is None
