"""What counts as known to be good: the playbook's own checks, over ten recorded minutes before it was replaced."""

import pytest

from bot.domain.known_good import caution, window_of
from bot.domain.playbook import VerifyCheck

CHECK = VerifyCheck("error_ratio", 20, 600)
SLOW = VerifyCheck("latency_seconds", 500, 600)
WELL = [(float(at), 0.001) for at in range(0, 601, 30)]


def test_the_window_is_the_last_ten_minutes_of_a_life_that_was_long_enough() -> None:
    assert window_of({"previous_until": "10000", "previous_ran_s": "600"}) == (9400.0, 10000.0)
    assert window_of({"deployed_at": "10000", "previous_ran_s": "86400"}) == (9400.0, 10000.0)
    assert window_of({"previous_until": "10000", "previous_ran_s": "599"}) is None
    assert window_of({"previous_ran_s": "600"}) is None


def test_passed_checks_need_no_word() -> None:
    assert caution("revision 7", {CHECK: WELL, SLOW: WELL}) == ""
    one_bad_minute = [(at, 0.3 if at == 300 else value) for at, value in WELL]
    assert caution("revision 7", {CHECK: one_bad_minute}) == ""


@pytest.mark.parametrize(
    "checks",
    [{}, {CHECK: []}, {CHECK: WELL, SLOW: []}, {CHECK: WELL[:10]}, {CHECK: WELL[::10]}],
    ids=["no-check", "nothing", "one-of-two", "half-the-window", "three-samples"],
)
def test_a_gap_in_the_record_is_said(checks: dict[VerifyCheck, list[tuple[float, float]]]) -> None:
    assert caution("revision 7", checks) == "no health record of revision 7: look before you approve"


def test_a_revision_that_was_unwell_itself_is_said() -> None:
    unwell = [(at, 0.3 if at >= 500 else value) for at, value in WELL]
    said = caution("version 3", {CHECK: unwell})
    assert said.startswith("version 3 had trouble itself (error ratio not below 0.02 before it was replaced)")
