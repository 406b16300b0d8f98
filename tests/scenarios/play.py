"""`python -m tests.scenarios.play --seeds 20`: every scenario on fresh seeds through the whole product.

Product trees of one scenario each, several playing at the same time; prints a line a run and a closing count. What fails is
repeated with `watchkeeper demo --scenario NAME --seed N --headless --json`, and `--faults 0.05` where calls were made to fail.
"""

import argparse
import contextlib
import itertools
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bot.domain.errors import WatchkeeperError
from bot.local.demo.drive import PATIENCE_S, Drive, Orders
from bot.local.demo.judging import failures
from bot.local.demo.layout import NO_TROUBLE, Trouble, new_layout, processes
from bot.local.demo.outside import Outside
from bot.local.demo.reading import bot_messages
from bot.local.demo.supervisor import Supervisor

_DEADLINE_S = 120.0  # Several trees share the machine.
_MOST_A_TREE = 10
_MOST_MESSAGES = 3
_MOST_COMPLAINTS = 12  # For each process.
_COMPLAINT = re.compile(r"error|warning|critical|Traceback|^\w+Error", re.IGNORECASE)
LOOP = ("bad-deploy", "db-cascade", "recorded", "unannounced-launch", "planned-event")
ACTIONS = ("memory-exhaustion", "zero-day", "poisoned")
LONGEST = (
    "db-cascade", "bad-deploy", "unannounced-launch", "zero-day", "planned-event", "recorded", "memory-exhaustion",
    "poisoned",
)  # fmt: skip
OPTIONS = {
    "memory-exhaustion": ("A", "B")
}  # Take turns, seed by seed; elsewhere it is the scenario's own way.


@dataclass
class Score:
    """What came of one scenario's seeds."""

    scenario: str
    passed: int = 0
    failed: list[tuple[Orders, str]] = field(default_factory=list)
    seconds_to_card: list[float] = field(default_factory=list)
    seconds_to_cause: list[float] = field(default_factory=list)


def play(runs: Sequence[Orders], trouble: Trouble = NO_TROUBLE) -> Score:
    """All runs of one scenario, one after the other; on one tree, until a run leaves an open incident behind.

    `trouble` says which calls to Slack and production fail; without a seed it is drawn from the first run's.
    """
    score = Score(runs[0].scenario)
    left = runs
    while left:
        left = left[_on_one_tree(left, score, replace(trouble, seed=trouble.seed or left[0].seed or 0)) :]
    return score


def orders_of(scenario: str, seeds: Sequence[int], patience_s: float | None = None) -> list[Orders]:
    """What is to be played for each seed."""
    ways = OPTIONS.get(scenario, ("",))
    return [
        Orders(scenario, seed, "oncall-1", "", way, patience_s=patience_s)
        for seed, way in zip(seeds, itertools.cycle(ways))
    ]


def _on_one_tree(runs: Sequence[Orders], score: Score, trouble: Trouble) -> int:
    """Play up to the first run that fails; how many were played."""
    with tempfile.TemporaryDirectory(prefix="watchkeeper-", ignore_cleanup_errors=True) as folder:
        layout = new_layout(Path(folder) / "data", 0)
        with (
            Supervisor(layout, processes(layout, trouble), quiet=True),
            contextlib.closing(Outside(layout)) as outside,
        ):
            for number, orders in enumerate(runs, start=1):
                if not _one(outside, orders, score):
                    print(
                        "\n".join([*_last_said(outside), *_complaints(layout.data_dir / "logs")]), flush=True
                    )
                    return number
    return len(runs)


def _shares(runs: Sequence[Orders]) -> list[Sequence[Orders]]:
    """Runs that one tree plays, one after the other; more of them go to another tree."""
    return [runs[at : at + _MOST_A_TREE] for at in range(0, len(runs), _MOST_A_TREE)]


def _together(scenario: str, played: Sequence[Score]) -> Score:
    mine = [score for score in played if score.scenario == scenario]
    return Score(
        scenario,
        sum(score.passed for score in mine),
        [line for score in mine for line in score.failed],
        [value for score in mine for value in score.seconds_to_card],
        [value for score in mine for value in score.seconds_to_cause],
    )


def _one(outside: Outside, orders: Orders, score: Score) -> bool:
    """Play one seed; whether it ended as it should."""
    begun = time.monotonic()
    try:
        result = Drive(outside, orders, deadline_s=_DEADLINE_S).play()
        wrong = failures(result, str(outside.scenario()["ends"]), orders)
        score.seconds_to_card.append(result["seconds_to_card"])
        score.seconds_to_cause.append(result["seconds_to_cause"])
    except WatchkeeperError as error:
        wrong = [str(error)]
    name = f"{orders.scenario} seed {orders.seed} {orders.option}".strip()
    if orders.patience_s:
        name += f", {sum(outside.mishaps().values())} faults so far"
    if wrong:
        score.failed.append((orders, f"{name}: {'; '.join(wrong)}"))
    else:
        score.passed += 1
    print(
        f"{name}: {'; '.join(wrong) or 'ended as it should'} ({time.monotonic() - begun:.0f} s)", flush=True
    )
    return not wrong


def _last_said(outside: Outside) -> list[str]:
    """The newest messages in Slack, as far as they fit a line each."""
    newest = sorted(bot_messages(outside.slack()), key=lambda one: float(one[1]["ts"]))[-_MOST_MESSAGES:]
    return [f"    {channel}: {json.dumps(message, ensure_ascii=False)[:3000]}" for channel, message in newest]


def _complaints(logs: Path) -> list[str]:
    """What the processes of a tree complained about lately: all that is left of a run that failed elsewhere."""
    lines: list[str] = []
    for log in sorted(logs.glob("*.log")):
        told = [line for line in log.read_text(errors="replace").splitlines() if _COMPLAINT.search(line)]
        lines += [f"    {log.stem}: {line[:400]}" for line in told[-_MOST_COMPLAINTS:]]
    return lines


def main() -> int:
    """Play, print the table, exit 1 when a run did not end as it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="fresh seeds for each scenario")
    parser.add_argument(
        "--action-seeds", type=int, default=4, help="fresh seeds for each of the later scenarios"
    )
    parser.add_argument("--at-once", type=int, default=5, help="trees that run at the same time")
    parser.add_argument("--only", default="", help="scenarios, with commas between them")
    parser.add_argument(
        "--again", action="store_true", help="what fails is played once more, alone, and told of by name"
    )
    parser.add_argument(
        "--faults", type=float, default=0.0, help="share of calls to Slack and production that fails, as 0.05"
    )
    parser.add_argument(
        "--fault-seed", type=int, default=0, help="draws which; else the first run's seed does"
    )
    given = parser.parse_args()
    trouble = Trouble(given.faults, given.fault_seed)
    patience_s = PATIENCE_S if given.faults else None
    draw = random.SystemRandom()
    # The longest first, so that no tree plays alone at the end.
    wanted = given.only.split(",") if given.only else sorted([*LOOP, *ACTIONS], key=LONGEST.index)
    counts = {name: given.action_seeds if name in ACTIONS else given.seeds for name in wanted}
    seeds = {name: [draw.randrange(10**6) for _ in range(count)] for name, count in counts.items()}
    shares = [share for name in wanted for share in _shares(orders_of(name, seeds[name], patience_s))]
    with ThreadPoolExecutor(given.at_once) as pool:
        played = list(pool.map(partial(play, trouble=trouble), shares))
    scores = [_together(name, played) for name in wanted]
    for score in scores:
        card, cause = (
            statistics.median(values or [0.0]) for values in (score.seconds_to_card, score.seconds_to_cause)
        )
        print(
            f"{score.scenario}: {score.passed} of {counts[score.scenario]}, median card {card:.2f} s, cause {cause:.2f} s"
        )
    failed = [one for score in scores for one in score.failed]
    print("\n".join(line for _orders, line in failed))
    print(f"{sum(score.passed for score in scores)} passed, {len(failed)} failed")
    if failed and given.again:
        failed = _alone([orders for orders, _line in failed], trouble)
    return 1 if failed else 0


def _alone(runs: Sequence[Orders], trouble: Trouble) -> list[tuple[Orders, str]]:
    """Play each run on a tree and a machine of its own; those that fail a second time."""
    print(f"A SECOND TIME, alone: {len(runs)}", flush=True)
    return [one for orders in runs for one in play([orders], trouble).failed]


if __name__ == "__main__":
    sys.exit(main())
