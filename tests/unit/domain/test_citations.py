"""Citations: what a model says stands only on evidence that exists and supports it; the pass only takes away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.citations import MOST_SENTENCES, checked, engine_sentences
from bot.domain.diagnosis.engine import diagnose
from bot.domain.evidence import Sentence
from bot.domain.telemetry import Telemetry
from tests.unit.domain.test_diagnosis import bad_deploy, flooded, launched

FOUND = diagnose(bad_deploy())
IDS = [item.id for item in FOUND.evidence]


def kept(text: str, *cites: str) -> bool:
    return checked([Sentence(text, cites)], FOUND) == ((Sentence(text, cites),), 0)


def test_a_cited_sentence_stands():
    assert kept("cart is unwell since its deploy", "E1")
    assert kept("2 of them agree", "E1")


def test_readings_may_be_rounded_but_not_invented():
    metric = next(item for item in FOUND.evidence if item.value.get("signal") == "error_ratio")
    assert kept(f"errors of {metric.service} reach about {float(metric.value['after']):.2f}", metric.id)
    assert not kept(f"errors of {metric.service} reach 99.9 %", metric.id)


def test_uncited_unknown_or_foreign_is_dropped():
    assert not kept("cart is unwell")
    assert not kept("cart is unwell", "E999")
    assert not kept("cart is unwell", "E1", "E999")
    assert not kept("front is the cause", "E1")
    assert not kept("  ", "E1")


def test_no_more_sentences_than_fit():
    many = [Sentence("cart is unwell", ("E1",))] * (MOST_SENTENCES + 3)
    assert checked(many, FOUND) == (tuple(many[:MOST_SENTENCES]), 3)


@pytest.mark.parametrize("told", [bad_deploy(), flooded(), launched()], ids=["deploy", "flood", "launch"])
def test_the_engines_own_sentences_pass_their_own_check(told: Telemetry):
    found = diagnose(told)
    own = engine_sentences(found)
    assert own
    assert all("[" not in sentence.text for sentence in own)
    assert checked(own, found) == (own, 0)


@given(
    st.lists(st.tuples(st.text(max_size=60), st.lists(st.sampled_from([*IDS, "E0", "", "x"]), max_size=3)))
)
def test_the_pass_only_takes_away(given_sentences: list[tuple[str, list[str]]]):
    sentences = [Sentence(text, tuple(cites)) for text, cites in given_sentences]
    found, dropped = checked(sentences, FOUND)
    assert len(found) + dropped == len(sentences)
    assert set(found) <= set(sentences)
    assert all(set(sentence.cites) <= set(IDS) and sentence.cites for sentence in found)
