"""What fires on any day: learning, rarity, hours, rate changes, and groups of what starts together."""

from bot.domain.everyday import DAY_S, HOUR_S, Everyday, Onsets

START = 1_767_225_600.0


def usual(days: int) -> list[tuple[str, str, float]]:
    """An alert every hour at one place, and a nightly one at another."""
    hourly = [("backup slow", "mail", START + at * HOUR_S) for at in range(24 * days)]
    nightly = [("rotation", "web", START + day * DAY_S + 60) for day in range(days)]
    return sorted([*hourly, *nightly], key=lambda one: one[2])


def shown_of(onsets: Onsets, stream: list[tuple[str, str, float]]) -> list[int]:
    placed = [onsets.place(f"{name}@{where}", where, at) for name, where, at in stream]
    return [one.group if one.group in onsets.shown else 0 for one in placed]


def test_the_first_day_is_learned_and_counted_not_shown():
    onsets = Onsets()
    assert not any(shown_of(onsets, usual(1)))
    assert sum(onsets.counted.values()) == 25


def test_what_fires_every_hour_or_every_night_stays_a_counter_and_what_is_new_is_shown():
    onsets = Onsets()
    shown_of(onsets, usual(4))
    later = START + 4 * DAY_S
    hourly, nightly, new = shown_of(
        onsets,
        [("backup slow", "mail", later), ("rotation", "web", later + 61), ("disk full", "db", later + 90)],
    )
    assert (hourly, nightly) == (0, 0)
    assert new
    assert onsets.counted["backup slow@mail"] == 4 * 24 + 1


def test_a_nightly_alert_at_noon_is_shown():
    onsets = Onsets()
    shown_of(onsets, usual(4))
    assert all(shown_of(onsets, [("rotation", "web", START + 4 * DAY_S + 12 * HOUR_S)]))


def test_two_somewhat_rare_things_at_one_place_are_shown_together_and_one_alone_is_not():
    def learned() -> Onsets:
        onsets = Onsets()
        for day in range(4):
            for at, name in enumerate(("login failed", "session opened")):
                onsets.place(f"{name}@vpn", "vpn", START + day * DAY_S + 4 * day * HOUR_S + at * 1800)
        return onsets

    at = START + 4 * DAY_S + 2 * HOUR_S
    assert shown_of(learned(), [("login failed", "vpn", at)]) == [0]
    together = learned()
    both = shown_of(together, [("login failed", "vpn", at), ("session opened", "vpn", at + 2)])
    assert both[1] in together.shown


def test_a_change_of_rate_of_an_everyday_alert_is_shown_once():
    everyday = Everyday()
    for name, where, at in usual(3):
        everyday.surprise(f"{name}@{where}", at)
    at = START + 3 * DAY_S + 5 * HOUR_S
    found = [everyday.surprise("backup slow@mail", at + second) for second in range(30)]
    assert found[0] == 0.0
    assert sum(bool(one) for one in found) == 1


def test_everyday_alerts_while_something_is_shown_are_kept_beside_it():
    onsets = Onsets()
    shown_of(onsets, usual(4))
    later = START + 4 * DAY_S
    onsets.place("disk full@db", "db", later - 30)
    beside = onsets.place("backup slow@mail", "mail", later)
    assert beside.beside
    assert beside.group in onsets.shown


def test_what_starts_for_the_fifth_time_within_hours_is_no_news():
    onsets = Onsets()
    shown_of(onsets, usual(2))
    begun = START + 2 * DAY_S
    placed = [onsets.place("odd@vpn", "vpn", begun + at * 0.5 * HOUR_S) for at in range(6)]
    assert [one.group in onsets.shown and not one.beside for one in placed] == [True] * 4 + [False] * 2
    assert len({one.group for one in placed[:4]} & onsets.shown) == 4


def test_surroundings_are_kept_of_what_is_clearly_surprising_only():
    begun = START + DAY_S + 60
    for names, kept in ((["one@db"], False), (["one@db", "two@db"], True)):
        onsets = Onsets()
        shown_of(onsets, usual(1))
        assert all(onsets.place(name, "db", begun + 1).group for name in names)
        assert onsets.place("backup slow@mail", "mail", begun + 300).beside is kept
        assert len(onsets.shown) == 1 + kept
