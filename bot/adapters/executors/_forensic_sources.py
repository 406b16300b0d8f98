"""What a forensic package takes besides the cluster: the runtime sensor's record of processes, and CloudTrail."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.adapters.executors._aws_call import calling
from bot.domain.errors import Retryable
from bot.ports import EvidenceSource

_TRAIL_WINDOW = timedelta(hours=24)
_MOST_PAGES = 4
SENSOR_WINDOW_S = 3600.0


def processes(sensor: EvidenceSource, service: str, now: float) -> Callable[[Path], bool]:
    """Writes each process and connection that the sensor saw of the service in the last hour, one a line."""

    def write(path: Path) -> bool:
        readings = sensor.collect([service], start=now - SENSOR_WINDOW_S, end=now)
        if readings.missing and not readings.behaviours:
            raise Retryable("; ".join(gap.reason for gap in readings.missing))
        with path.open("w", encoding="utf-8") as file:
            for one in readings.behaviours:
                file.write(json.dumps(asdict(one), sort_keys=True) + "\n")
        return bool(readings.missing)

    return write


def trail(cloudtrail: Any, now: float) -> Callable[[Path], bool]:
    """Writes the changes that CloudTrail recorded in the last day, newest first, one a line, page by page."""

    def write(path: Path) -> bool:
        end = datetime.fromtimestamp(now, UTC)
        asked: dict[str, Any] = {
            "LookupAttributes": [{"AttributeKey": "ReadOnly", "AttributeValue": "false"}],
            "StartTime": end - _TRAIL_WINDOW,
            "EndTime": end,
        }
        with path.open("w", encoding="utf-8") as file, calling(writes=False):
            for _page in range(_MOST_PAGES):
                answer = cloudtrail.lookup_events(**asked)
                for event in answer.get("Events", []):
                    file.write(json.dumps(event, default=str, sort_keys=True) + "\n")
                if not answer.get("NextToken"):
                    return False
                asked["NextToken"] = answer["NextToken"]
        return True

    return write
