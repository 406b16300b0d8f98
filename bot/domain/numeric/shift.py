"""Robust shift of many metric series in one pass: level now against the median before, on a floored scale.

Knows numbers only: what a shift means for a service is decided in `domain/diagnosis/symptoms`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

MAD_TO_SIGMA = 1.4826  # Median absolute deviation of a normal distribution is 0.6745 sigma.
IQR_TO_SIGMA = 0.7413
RELATIVE_FLOOR = 1e-3  # Of the median; zero-spread series decide rankings without it.
TREND = 1.5  # Sigmas that a point must exceed to count towards an onset (half of the alarm level of 3).
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
    rows: Sequence[Sequence[float]],
    *,
    before: float,
    since: float,
    floor: Sequence[float],
    share: float,
) -> list[Shift | None]:
    """Shift of each row of equal `times`: baseline up to `before`, level from `since` on; None without both.

    `floor` is the least scale of each row, in the row's unit. The level is what `share` of the late points reach,
    and at least two of them; a share of 0 takes the most extreme point.
    """
    at = np.asarray(times, dtype=np.float64)
    values = np.asarray(rows, dtype=np.float64)
    early, late = at < before, at >= since
    if early.sum() < 2 or late.sum() < 1:
        return [None] * len(rows)
    base, scale = _baseline(values[:, early], np.asarray(floor, dtype=np.float64))
    z = (values - base[:, None]) / scale[:, None]
    up, down = _levels(values[:, late], share)
    onset_up, onset_down = _onsets(at, z), _onsets(at, -z)
    return [
        Shift(
            float(base[row]), float(scale[row]), float(up[row]), float(down[row]),
            float((up[row] - base[row]) / scale[row]), float((base[row] - down[row]) / scale[row]),
            float(onset_up[row]), float(onset_down[row]), int(early.sum()), int(late.sum()),
        )
        for row in range(len(rows))
    ]  # fmt: skip


def _baseline(values: Matrix, floor: Matrix) -> tuple[Matrix, Matrix]:
    median = np.median(values, axis=1)
    mad = np.median(np.abs(values - median[:, None]), axis=1) * MAD_TO_SIGMA
    low, high = np.percentile(values, (25, 75), axis=1)
    scale = np.where(mad > 0, mad, (high - low) * IQR_TO_SIGMA)
    scale = np.where(scale > 0, scale, values.std(axis=1))
    least = np.maximum(np.maximum(floor, np.abs(median) * RELATIVE_FLOOR), 1e-12)
    return median, np.maximum(scale, least)


def _levels(values: Matrix, share: float) -> tuple[Matrix, Matrix]:
    count = values.shape[1]
    index = min(count, max(2, int(np.ceil(count * share)))) - 1 if share > 0 else 0
    ordered = np.sort(values, axis=1)
    return ordered[:, count - 1 - index], ordered[:, index]


def _onsets(times: Matrix, z: Matrix) -> Matrix:
    """Start of the stretch whose clipped excess over TREND is largest: the usual CUSUM estimate."""
    sums = np.cumsum(np.clip(z, -CLIP, CLIP) - TREND, axis=1)
    sums = np.concatenate((np.zeros((len(z), 1)), sums), axis=1)
    gain = sums - np.minimum.accumulate(sums, axis=1)
    ends = np.argmax(gain, axis=1)
    starts = [int(np.argmin(row[: end + 1])) for row, end in zip(sums, ends, strict=True)]
    return times[np.minimum(starts, times.size - 1)]
