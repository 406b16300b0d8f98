"""Sessions judged by what they wrote."""

from bot.domain.logs.sessions import learn_sessions, verdicts

NORMAL = [["open", "read", "close"], ["open", "read", "read", "close"]] * 20 + [
    ["open", "write", "close"]
] * 3


def test_a_known_session_is_usual_in_any_order() -> None:
    model = learn_sessions(NORMAL)
    assert model.distance(["close", "open", "read"]) == 0.0
    assert not model.unusual(["read", "open", "close"])


def test_other_events_and_other_counts_are_unusual() -> None:
    model = learn_sessions(NORMAL)
    odd = [["open", "panic"], ["read"] * 40, ["open", "read", "close"]]
    assert verdicts(model, odd) == [True, True, False]


def test_the_line_comes_from_the_normal_sessions() -> None:
    varied = [[*["a"] * n, "b", "c"] for n in range(10, 40)]
    model = learn_sessions(varied)
    assert 0.0 < model.line < 0.1
    assert not model.unusual([*["a"] * 25, "b", "c"])
    assert model.unusual(["b"] * 12)


def test_nothing_learned_makes_everything_unusual() -> None:
    model = learn_sessions([])
    assert model.unusual(["a"])
    assert model.distance(["a"]) == 1.0
