"""The log lines that services write: ordinary ones always, a scene's tales while their driver is up. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from bot.local.world.noise import BIN_SECONDS, fraction, key_number
from bot.local.world.scene import Scene

_ORDINARY = (
    "GET /%s status=200 duration_ms=%d",
    "POST /%s status=201 duration_ms=%d",
    "cache refreshed, area=%s took_ms=%d",
    "connection pool healthy, area=%s idle=%d",
)
_AREAS = ("list", "detail", "status", "lookup")


@dataclass(frozen=True)
class LogLine:
    """One line with its origin; `at` in unix seconds."""

    at: float
    service: str
    level: str
    instance: str
    text: str


def lines(
    scene: Scene, service: str, start: float, end: float, instances: Mapping[str, tuple[str, ...]]
) -> Iterator[LogLine]:
    """The lines of one service with start <= time < end, oldest first within each 5-second bin."""
    present = instances.get(service) or (service,)
    tales = [tale for tale in scene.tales if tale.service == service]
    first, last = int(start // BIN_SECONDS), int(end // BIN_SECONDS)
    bins = np.arange(first, last + 1)
    levels = [scene.curves[tale.driver].at(bins.astype(float) * BIN_SECONDS) for tale in tales]
    for position, number in enumerate(bins.tolist()):
        drawn = [_ordinary(scene, service, number, present)]
        for index, tale in enumerate(tales):
            wanted = tale.per_bin * float(levels[index][position])
            count = int(wanted + fraction(scene.seed, service, index, number))
            for serial in range(count):
                key = key_number(scene.seed, service, index, number, serial)
                at = number * BIN_SECONDS + (key % 4990) / 1000
                text = tale.template % (key & 0xFFFFFFFF) if "%08x" in tale.template else tale.template
                drawn.append(LogLine(at, service, tale.level, present[key % len(present)], text))
        yield from sorted((line for line in drawn if start <= line.at < end), key=lambda line: line.at)


def _ordinary(scene: Scene, service: str, number: int, present: tuple[str, ...]) -> LogLine:
    key = key_number(scene.seed, service, number)
    text = _ORDINARY[key % len(_ORDINARY)] % (_AREAS[key // 7 % len(_AREAS)], key // 11 % 180 + 4)
    at = number * BIN_SECONDS + (key % 4990) / 1000
    return LogLine(at, service, "info", present[key // 13 % len(present)], text)
