"""The command grammar and the words of planned events."""

import pytest

from bot.domain.command import HELP_LINES, Command, CommandVerb, Unknown, parse
from bot.domain.event_words import event_from, event_of

NOON = 1_790_078_400.0  # 2026-09-22 12:00 UTC


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Command(CommandVerb.STATUS)),
        ("status", Command(CommandVerb.STATUS)),
        ("STATUS INC-12", Command(CommandVerb.STATUS, 12)),
        ("<@U0BOT> why", Command(CommandVerb.WHY)),
        ("<@U0BOT|watchkeeper> reject inc-3 B too risky", Command(CommandVerb.REJECT, 3, "B too risky")),
        ("declare checkout is down", Command(CommandVerb.NEW, 0, "checkout is down")),
        ("investigate", Command(CommandVerb.DIAGNOSE)),
        ("note  we failed over ", Command(CommandVerb.NOTE, 0, "we failed over")),
        ("help", Command(CommandVerb.HELP)),
    ],
)
def test_commands(text: str, expected: Command) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("statsu", CommandVerb.STATUS),
        ("aprove A", CommandVerb.APPROVE),
        ("resolv", CommandVerb.RESOLVE),
        ("xyzzy", None),
    ],
)
def test_unknown_verbs(text: str, nearest: CommandVerb | None) -> None:
    found = parse(text)
    assert isinstance(found, Unknown)
    assert found.nearest is nearest


def test_help_names_every_verb() -> None:
    written = " ".join(line for line, _ in HELP_LINES)
    for verb in CommandVerb:
        assert verb.value in written or verb is CommandVerb.HELP


def test_event_by_clock_and_by_iso() -> None:
    assert NOON % 86_400 == 12 * 3600
    words = event_from('add "Autumn launch" 09:00-23:00 checkout, cart', now=NOON)
    assert (words.title, words.services) == ("Autumn launch", ("checkout", "cart"))
    assert (words.starts_at, words.ends_at) == (NOON - 3 * 3600, NOON + 11 * 3600)
    over = event_from('"x" 08:00-09:00', now=NOON)
    assert over.starts_at == NOON + 20 * 3600, "a range that is over means tomorrow's"
    night = event_of("x", "22:00-06:00", "", now=NOON - 10 * 3600)
    assert (night.starts_at, night.ends_at) == (NOON - 14 * 3600, NOON - 6 * 3600), (
        "the night that is running"
    )
    iso = event_from('add "x" 2026-09-22T10:00Z 2026-09-22T12:00+01:00', now=NOON)
    assert iso.ends_at - iso.starts_at == 3600


@pytest.mark.parametrize(
    "text",
    [
        "", "add", "add launch 09:00-10:00", 'add "x"', 'add "x" tomorrow', 'add "x" 25:00-26:00',
        'add "x" 2026-09-23T00:00Z 2026-09-22T00:00Z', 'add "x" 2026-01-01T00:00Z 2027-01-01T00:00Z',
        'add "  " 09:00-10:00', 'add "x" 09:00-10:00 $(rm)',
    ],
)  # fmt: skip
def test_events_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        event_from(text, now=NOON)
