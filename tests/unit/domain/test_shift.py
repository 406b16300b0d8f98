"""Robust shifts: level, floored scale, onset; what one wild point can and cannot do."""

import math
import random
import time

import pytest

from bot.domain.numeric.shift import shifts

TIMES = [float(n) for n in range(200)]


def one(values: list[float], *, share: float = 0.25, floor: float = 0.0):
    found = shifts(TIMES, [values], before=100, since=150, floor=[floor], share=share)[0]
    assert found is not None
    return found


def noisy(level: float, seed: int = 1) -> list[float]:
    draw = random.Random(seed)
    return [level + draw.gauss(0, 1) for _ in TIMES]


def test_a_step_is_measured_and_dated():
    values = [value + (30 if at >= 140 else 0) for at, value in zip(TIMES, noisy(100), strict=True)]
    found = one(values)
    assert found.baseline == pytest.approx(100, abs=0.5)
    assert found.z_up > 20
    assert found.onset_up == pytest.approx(140, abs=2)


def test_a_fall_is_a_fall():
    values = [value - (30 if at >= 145 else 0) for at, value in zip(TIMES, noisy(100), strict=True)]
    found = one(values)
    assert found.z_down > 20 > found.z_up
    assert found.onset_down == pytest.approx(145, abs=2)


def test_one_wild_point_moves_neither_level_nor_baseline():
    values = noisy(100)
    values[20] = values[170] = 1e6
    assert one(values).z_up < 3
    assert one(values, share=0.0).z_up > 1000


def test_a_constant_series_has_a_floored_scale():
    values = [5.0] * 150 + [5.01] * 50
    assert one(values).z_up == pytest.approx(2.0)
    assert one(values, floor=1.0).z_up == pytest.approx(0.01)
    assert one([0.0] * 200).z_up == 0.0


def test_rare_spikes_in_a_flat_baseline_widen_the_scale():
    values = [0.0] * 200
    values[10] = values[60] = 1.0
    values[150:] = [0.2] * 50
    assert one(values).z_up < 3


def test_without_a_baseline_there_is_no_answer():
    assert shifts([1.0, 2.0], [[1.0, 2.0]], before=1.5, since=1.5, floor=[0.0], share=0.25) == [None]
    assert shifts(TIMES, [noisy(1)], before=0, since=150, floor=[0.0], share=0.25) == [None]


def test_four_thousand_series_take_a_moment():
    draw = random.Random(5)
    times = [float(n) for n in range(1200)]
    row = [draw.gauss(0, 1) for _ in times]
    rows = [row] * 400
    started = time.process_time()
    shifts(times, rows, before=600, since=900, floor=[0.0] * 400, share=0.25)
    assert time.process_time() - started < 5  # Far above what it needs: the benches time it.


def test_what_is_no_number_was_not_measured() -> None:
    times = [float(at) for at in range(40)]
    whole = [1.0 + 0.01 * (at % 3) for at in range(30)] + [5.0] * 10
    holed = [math.nan if at % 7 == 3 else value for at, value in enumerate(whole)]
    alone = [(at, value) for at, value in zip(times, holed, strict=True) if not math.isnan(value)]
    [found, steady] = shifts(times, [holed, whole], before=28, since=30, floor=[1e-9, 1e-9], share=0.25)
    known = shifts(
        [at for at, _ in alone], [[v for _, v in alone]], before=28, since=30, floor=[1e-9], share=0.25
    )
    assert found == known[0]
    assert found is not None
    assert steady is not None
    assert found.up == steady.up == 5.0
