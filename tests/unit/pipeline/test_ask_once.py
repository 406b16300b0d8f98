"""One proposal asks a live inventory each question once, and an inventory that does not answer not at all again."""

from collections.abc import Mapping

import pytest

from bot.domain.errors import Permanent, Retryable
from bot.domain.plan import Target
from bot.pipeline.ask_once import AskedOnce

LIVE: Mapping[str, str] = {"uid": "u1"}


class Counting:
    """Knows one kind, refuses another, and may be away."""

    kinds: tuple[str, ...] = ("k8s.deployment", "k8s.node")

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.away = False

    def find(self, kind: str, service: str) -> list[tuple[Target, Mapping[str, str]]]:
        self.asked.append((kind, service))
        if self.away:
            reason = "no answer within 8 s"
            raise Retryable(reason)
        if kind == "k8s.node":
            reason = "forbidden"
            raise Permanent(reason)
        return [(Target(kind, service, "shop", "u1", service), LIVE)]

    def declared(self, kind: str, role: str) -> list[tuple[Target, Mapping[str, str]]]:
        return self.find(kind, role)


def test_a_question_is_asked_once() -> None:
    inventory = Counting()
    once = AskedOnce(inventory)
    first = once.find("k8s.deployment", "cart")
    assert once.find("k8s.deployment", "cart") == first
    assert once.find("k8s.deployment", "search") != first
    once.declared("k8s.deployment", "cart")
    assert len(inventory.asked) == 3


def test_a_refusal_is_of_its_question_alone() -> None:
    inventory = Counting()
    once = AskedOnce(inventory)
    for _ in range(2):
        with pytest.raises(Permanent):
            once.find("k8s.node", "cart")
    assert once.find("k8s.deployment", "cart")
    assert len(inventory.asked) == 2


def test_a_strange_object_is_a_refusal() -> None:
    class Strange(Counting):
        def find(self, kind: str, service: str) -> list[tuple[Target, Mapping[str, str]]]:
            self.asked.append((kind, service))
            return [(Target(kind, LIVE["name"], "shop", "u1", service), LIVE)]

    once = AskedOnce(Strange())
    with pytest.raises(Permanent, match="strange: KeyError"):
        once.find("k8s.deployment", "cart")


def test_who_did_not_answer_is_not_asked_again() -> None:
    inventory = Counting()
    inventory.away = True
    once = AskedOnce(inventory)
    for service in ("cart", "search", "mail"):
        with pytest.raises(Retryable):
            once.find("k8s.deployment", service)
    assert len(inventory.asked) == 1
