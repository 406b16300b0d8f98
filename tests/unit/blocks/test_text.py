"""Small pieces of text that stand in messages for long."""

from bot.blocks.text import moment


def test_a_moment_tells_its_day_wherever_it_is_read() -> None:
    assert moment(1_763_733_720_500) == (
        "<!date^1763733720^{date_short_pretty} {time_secs}|2025-11-21 14:02:00 UTC>"
    )
