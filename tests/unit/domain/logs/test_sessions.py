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
    assert 0.0 < model.line < 0.15
    assert not model.unusual([*["a"] * 25, "b", "c"])
    assert model.unusual(["b"] * 12)


def test_nothing_learned_makes_everything_unusual() -> None:
    model = learn_sessions([])
    assert model.unusual(["a"])
    assert model.distance(["a"]) == 1.0


def test_few_normal_sessions_do_not_make_each_small_difference_unusual() -> None:
    long = ["open", *["read"] * 8, "close"]
    model = learn_sessions([long] * 5)
    assert not model.unusual([*long, "flush"])
    assert model.unusual(["open", "panic", "panic", "close"])


def test_an_event_that_none_of_many_had_is_unusual_by_itself() -> None:
    varied = [["open", *["read"] * n, *["seek"] * (n % 3), "close"] for n in range(10, 60)] * 4
    model = learn_sessions([*varied, ["open", *["read"] * 200, "close"]])
    one = ["open", *["read"] * 40, "close"]
    assert model.line == 0.0 or not model.unusual(one)
    assert model.unusual([*one, "panic"])


def test_where_many_have_an_event_of_their_own_another_one_is_usual() -> None:
    own = [["open", *["read"] * 20, f"plugin {n}", "close"] for n in range(150)]
    model = learn_sessions(own)
    assert not model.unusual(["open", *["read"] * 20, "plugin x", "close"])
    assert model.unusual(["open", "plugin x", "plugin y", "close"])
