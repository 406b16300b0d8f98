"""Robust shift of many metric series in one pass: level now against the median before, on a floored scale.

Knows numbers only: what a shift means for a service is decided in `domain/diagnosis/symptoms`.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

MAD_TO_SIGMA = 1.4826  # Median absolute deviation of a normal distribution is 0.6745 sigma.
IQR_TO_SIGMA = 0.7413
RELATIVE_FLOOR = 1e-3  # Of the median; zero-spread series decide rankings without it.
TREND = 1.5  # Sigmas that a point must exceed to count towards an onset (half of the alarm level of 3).
ONSET_FROM = 2.0  # Sigmas below which a move has no onset: nobody asks since when nothing happened.
CHUNK = 256  # Rows judged at a time, so that they stay in the processor's cache.
CLIP = 10.0  # One wild point must not outweigh ten calm ones when the onset is sought.


@dataclass(frozen=True, slots=True)
class Shift:
    """One series' move. `up` and `down` are levels that enough points since the symptom began reach.

    `z_up`, `z_down` are in robust sigmas, both positive when moved that way; onsets are unix seconds.
    """

    baseline: float
    scale: float
    up: float
    down: float
    z_up: float
    z_down: float
    onset_up: float
    onset_down: float
    points_before: int
    points_after: int

    def against(self, factor: float) -> "Shift":
        """The same move judged as if the baseline and its scale were `factor` times what they were."""
        scale = self.scale * factor
        base = self.baseline * factor
        return replace(self, z_up=(self.up - base) / scale, z_down=(base - self.down) / scale)


def shifts(
    times: Sequence[float],
    rows: Sequence[Sequence[float]] | Matrix,
    *,
    before: float,
    since: float,
    floor: Sequence[float],
    share: float,
) -> list[Shift | None]:
    """Shift of each row of equal `times`: baseline up to `before`, level from `since` on; None without both.

    `times` ascend. `floor` is the least scale of each row, in the row's unit. The level is what `share` of the late
    points reach, and at least two of them; a share of 0 takes the most extreme point. A move of less than ONSET_FROM
    has `since` as its onset. A point that is no number was not measured.
    """
    at = np.asarray(times, dtype=np.float64)
    early, late = int(np.searchsorted(at, before)), int(np.searchsorted(at, since))
    if early < 2 or at.size - late < 1:
        return [None] * len(rows)
    least = np.asarray(floor, dtype=np.float64)
    found: list[Shift | None] = []
    for begin in range(0, len(rows), CHUNK):
        values = _matrix(rows[begin : begin + CHUNK], at.size)
        if not np.isfinite(values).all():
            found.extend(_with_holes(at, values, before, since, least[begin : begin + CHUNK], share))
            continue
        base, scale = _baseline(values[:, :early], least[begin : begin + CHUNK])
        up, down = _levels(values[:, late:], share)
        z_up, z_down = (up - base) / scale, (base - down) / scale
        onset_up = _onsets(at, values, base, scale, np.flatnonzero(z_up >= ONSET_FROM), since)
        onset_down = _onsets(at, values, base, -scale, np.flatnonzero(z_down >= ONSET_FROM), since)
        figures = np.column_stack((base, scale, up, down, z_up, z_down, onset_up, onset_down)).tolist()
        found.extend(
            Shift(b, s, u, d, zu, zd, at_up, at_down, early, at.size - late)
            for b, s, u, d, zu, zd, at_up, at_down in figures
        )
    return found


def _with_holes(
    at: Matrix, values: Matrix, before: float, since: float, floor: Matrix, share: float
) -> Iterator[Shift | None]:
    """Shift of each row by the points that are numbers: what is none was not measured."""
    for row, least in zip(values, floor, strict=True):
        known = np.isfinite(row)
        alone = row[known][None, :]
        times, scale = at[known].tolist(), [float(least)]
        yield from shifts(times, alone, before=before, since=since, floor=scale, share=share)


def _matrix(rows: Sequence[Sequence[float]] | Matrix, points: int) -> Matrix:
    if isinstance(rows, np.ndarray):
        return np.asarray(rows, dtype=np.float64)
    values = np.empty((len(rows), points))
    for place, row in enumerate(rows):
        # A series that is an array of doubles already is read where it lies.
        values[place] = row if isinstance(row, array) else np.fromiter(row, np.float64, points)
    return values


def _baseline(values: Matrix, floor: Matrix) -> tuple[Matrix, Matrix]:
    ordered = np.sort(values, axis=1)
    median = _rank(ordered, 0.5)
    count = ordered.shape[1]
    scale = _nearest(ordered, median, count // 2 + 1)
    if count % 2 == 0:
        scale = (scale + _nearest(ordered, median, count // 2)) / 2
    scale *= MAD_TO_SIGMA
    flat = np.flatnonzero(scale <= 0)
    scale[flat] = (_rank(ordered[flat], 0.75) - _rank(ordered[flat], 0.25)) * IQR_TO_SIGMA
    flat = np.flatnonzero(scale <= 0)
    scale[flat] = ordered[flat].std(axis=1)
    least = np.maximum(np.maximum(floor, np.abs(median) * RELATIVE_FLOOR), 1e-12)
    return median, np.maximum(scale, least)


def _nearest(ordered: Matrix, centre: Matrix, count: int) -> Matrix:
    """Distance of the `count`-th nearest point of each sorted row to its centre: they lie side by side, so bisect."""
    rows = np.arange(len(ordered))
    low = np.zeros(len(ordered), dtype=np.intp)
    high = np.full(len(ordered), ordered.shape[1] - count, dtype=np.intp)
    while np.any(low < high):
        middle = (low + high) // 2
        beyond = np.minimum(middle + count, ordered.shape[1] - 1)
        right = (centre - ordered[rows, middle] > ordered[rows, beyond] - centre) & (low < high)
        low, high = np.where(right, middle + 1, low), np.where(right, high, middle)
    distance: Matrix = np.maximum(centre - ordered[rows, low], ordered[rows, low + count - 1] - centre)
    return distance


def _rank(ordered: Matrix, share: float) -> Matrix:
    """The linear quantile of sorted rows."""
    place = share * (ordered.shape[1] - 1)
    low = int(place)
    high = min(low + 1, ordered.shape[1] - 1)
    below: Matrix = ordered[:, low]
    found: Matrix = below + (place - low) * (ordered[:, high] - below)
    return found


def _levels(values: Matrix, share: float) -> tuple[Matrix, Matrix]:
    count = values.shape[1]
    index = min(count, max(2, int(np.ceil(count * share)))) - 1 if share > 0 else 0
    ordered = np.sort(values, axis=1)
    return ordered[:, count - 1 - index], ordered[:, index]


def _onsets(
    times: Matrix, values: Matrix, base: Matrix, scale: Matrix, moved: npt.NDArray[np.intp], otherwise: float
) -> Matrix:
    """Start of the stretch whose clipped excess over TREND is largest: the usual CUSUM estimate, for rows that moved."""
    found = np.full(len(values), otherwise)
    if not moved.size:
        return found
    z = (values[moved] - base[moved, None]) / scale[moved, None]
    sums = np.cumsum(np.clip(z, -CLIP, CLIP) - TREND, axis=1)
    sums = np.concatenate((np.zeros((len(z), 1)), sums), axis=1)
    gain = sums - np.minimum.accumulate(sums, axis=1)
    ends = np.argmax(gain, axis=1)
    starts = [int(np.argmin(row[: end + 1])) for row, end in zip(sums, ends, strict=True)]
    found[moved] = times[np.minimum(starts, times.size - 1)]
    return found
