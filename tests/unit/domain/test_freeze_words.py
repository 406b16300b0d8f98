"""Words of a freeze: scope, window and reason, or one sentence that says what is wrong."""

import pytest

from bot.domain.freeze import FreezeWindow
from bot.domain.freeze_words import FreezeWords, freeze_from, window_of

NOW = 1_800_000_000.0  # 2027-01-15 08:00 UTC


@pytest.mark.parametrize(
    ("text", "number", "expected"),
    [
        ("", 0, FreezeWords("tenant", None, "")),
        ("2h", 0, FreezeWords("tenant", (NOW, NOW + 7200), "")),
        ("30M quarter end", 0, FreezeWords("tenant", (NOW, NOW + 1800), "quarter end")),
        ("service cart", 0, FreezeWords("service:cart", None, "")),
        ("Action ecs/x 1d why not", 0, FreezeWords("action:ecs/x", (NOW, NOW + 86400), "why not")),
        ("09:00-10:00 launch", 0, FreezeWords("tenant", (NOW + 3600, NOW + 7200), "launch")),
        ("service cart 2027-01-16T08:00Z 2027-01-16T09:00Z x", 0,
         FreezeWords("service:cart", (NOW + 86400, NOW + 90000), "x")),
        ("because of it", 7, FreezeWords("incident:7", None, "because of it")),
        ("2hours", 0, FreezeWords("tenant", None, "2hours")),
    ],
)  # fmt: skip
def test_words(text: str, number: int, expected: FreezeWords) -> None:
    assert freeze_from(text, now=NOW, number=number) == expected


@pytest.mark.parametrize(
    "text", ["0h", "32d", "2027-01-16T08:00Z", "25:00-26:00", "2027-01-17T08:00Z 2027-01-16T08:00Z"]
)
def test_what_is_no_window_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ "):
        freeze_from(text, now=NOW)


def test_options_of_the_command_line() -> None:
    assert window_of(lasts="", starts="", ends="", now=NOW) is None
    assert window_of(lasts="2h", starts="", ends="", now=NOW) == (NOW, NOW + 7200)
    assert window_of(lasts="", starts="", ends="2027-01-15T09:00Z", now=NOW) == (NOW, NOW + 3600)
    for wrong in ({"lasts": "2h", "ends": "x"}, {"starts": "2027-01-16T08:00Z"}, {"lasts": "two"}):
        with pytest.raises(ValueError, match=r"\w"):
            window_of(**{"lasts": "", "starts": "", "ends": "", "now": NOW, **wrong})


def test_a_window_covers_its_start_and_not_its_end() -> None:
    window = FreezeWindow("w", "service:a", 10.0, 20.0)
    covered = [at for at in (9.999, 10.0, 19.999, 20.0) if window.covers(("tenant", "service:a"), at)]
    assert covered == [10.0, 19.999]
    assert not window.covers(("tenant", "service:b"), 15.0)
