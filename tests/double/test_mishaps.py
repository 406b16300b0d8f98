"""Drawn trouble: the same calls fail for the same seed, a share of them, each way; what is done stays done."""

import httpx

from bot.local.mishaps import Mishaps
from tests.double.conftest import Running, start

KINDS = ("429", "500", "hang")


def test_a_seed_says_which_call_of_a_name_fails_whatever_else_is_called() -> None:
    alone = Mishaps(0.05, 7)
    found = [alone.draw("chat.update", KINDS) for _ in range(4000)]
    among = Mishaps(0.05, 7)
    mixed = []
    for _ in range(4000):
        among.draw("users.info", KINDS)
        mixed.append(among.draw("chat.update", KINDS))
    assert mixed == found
    failed = [kind for kind in found if kind]
    assert 140 <= len(failed) <= 260
    assert set(failed) == set(KINDS)
    assert sum(alone.happened.values()) == len(failed)
    assert [Mishaps(0.05, 8).draw("chat.update", KINDS) for _ in range(4000)] != found
    assert not any(Mishaps().draw("chat.update", KINDS) for _ in range(100))


def test_a_post_whose_answer_is_lost_stands_in_the_channel() -> None:
    seed = next(
        seed
        for seed in range(1000)
        if Mishaps(0.5, seed).draw("chat.postMessage", ("429", "500", "hang", "done, then cut", "done, then hang"))
        == "done, then cut"
    )  # fmt: skip
    double: Running = start(fault_share=0.5, fault_seed=seed)
    try:
        assert _lost(double)
        assert [message["text"] for message in double.messages()] == ["once"]
        assert double.state()["mishaps"] == {"chat.postMessage done, then cut": 1}
    finally:
        double.stop()


def _lost(double: Running) -> bool:
    """Post; whether the answer broke off."""
    try:
        double.call("chat.postMessage", channel="C0ALERTS", text="once")
    except httpx.HTTPError:
        return True
    return False
