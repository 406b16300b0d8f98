"""Seconds from the first byte sent to the card and to the cause, by the Slack double's clock, through the whole product."""

import json
import subprocess
import sys


def measure(runs: int) -> list[dict[str, object]]:
    """Medians over fresh starts of the storm of 1,000 alerts, without a model."""
    card, cause = [], []
    for seed in range(1, runs + 1):
        command = [
            sys.executable,
            "-m",
            "bot",
            "demo",
            "--scenario",
            "bad-deploy",
            "--headless",
            "--json",
            "--seed",
            str(seed),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
        result = json.loads(done.stdout)
        card.append(result["seconds_to_card"])
        cause.append(result["seconds_to_cause"])
    middle = runs // 2
    return [
        {
            "scenario": "bad-deploy",
            "runs": runs,
            "seconds_to_card": sorted(card)[middle],
            "worst_card": max(card),
            "seconds_to_cause": sorted(cause)[middle],
            "worst_cause": max(cause),
        }
    ]
