"""`watchkeeper demo`: the whole product on this machine, with a simulated production and a local Slack."""

import contextlib
import json
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from bot.domain.errors import Permanent
from bot.local.demo.drive import PATIENCE_S, Drive, Orders
from bot.local.demo.judging import failures
from bot.local.demo.layout import DEFAULT_PAGE_PORT, Layout, Trouble, new_layout, processes
from bot.local.demo.leftovers import end_leftovers
from bot.local.demo.outside import Outside
from bot.local.demo.supervisor import Supervisor, alone
from bot.wiring.logs import configure

app = typer.Typer(pretty_exceptions_enable=False)
_SCENARIO_FAILED = 1


@app.command()
def demo(
    scenario: Annotated[str, typer.Option(help="Play this scenario; the page has a button for each.")] = "",
    seed: Annotated[int | None, typer.Option(help="Draws culprit, topology, noise and timings.")] = None,
    headless: Annotated[bool, typer.Option(help="No page to look at: play, decide, print, end.")] = False,
    approve_as: Annotated[str, typer.Option(help="Who approves.")] = "oncall-1",
    reject_as: Annotated[str, typer.Option(help="Who rejects, instead of approving.")] = "",
    option: Annotated[str, typer.Option(help="Letters of the options to decide on, in order.")] = "",
    standing_order: Annotated[
        bool, typer.Option("--standing-order", help="Sign an order first; then nobody clicks (bad-deploy).")
    ] = False,
    faults: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="This share of calls to Slack and production fails.")
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON line.")] = False,
    port: Annotated[int, typer.Option(help="Port of the page; 0 chooses a free one.")] = DEFAULT_PAGE_PORT,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where everything is kept; made anew at each start.")
    ] = None,
    expect_cause: Annotated[
        str, typer.Option(help="Judge against this cause instead of the world's own.")
    ] = "",
) -> None:
    """Start everything, supervise it, and end all of it on Ctrl-C."""
    configure("demo")
    for number in (signal.SIGINT, signal.SIGTERM):  # A shell's background job would ignore Ctrl-C.
        signal.signal(number, _as_interrupt)
    if headless and not scenario:
        message = "--headless needs --scenario (bad-deploy, db-cascade, memory-exhaustion, zero-day, ...)"
        raise Permanent(message)
    orders = Orders(
        scenario,
        seed,
        "" if reject_as else approve_as,
        reject_as,
        option,
        standing_order,
        patience_s=PATIENCE_S if faults else None,
    )
    with contextlib.ExitStack() as stack:
        folder = _folder(data_dir, stack, headless=headless)
        layout = new_layout(folder, 0 if headless else port)
        children = processes(layout, Trouble(faults, seed or 0))
        supervisor = stack.enter_context(Supervisor(layout, children, quiet=not headless))
        if headless:
            sys.exit(_play(layout, orders, expect_cause, as_json=as_json))
        _show(layout, supervisor, scenario, seed)


def _play(layout: Layout, orders: Orders, expect_cause: str, *, as_json: bool) -> int:
    outside = Outside(layout)
    try:
        result = Drive(outside, orders).play()
        ends = str(outside.scenario()["ends"])
    finally:
        outside.close()
    if expect_cause:
        result["true_root_cause"] = expect_cause
    wrong = failures(result, ends, orders)
    for what in wrong:
        print(f"did not hold: {what}", file=sys.stderr)
    print(json.dumps(result) if as_json else "\n".join(f"{key}: {value}" for key, value in result.items()))
    return _SCENARIO_FAILED if wrong else 0


def _show(layout: Layout, supervisor: Supervisor, scenario: str, seed: int | None) -> None:
    outside = Outside(layout)
    while not outside.ready():
        _refuse_dead(supervisor)
        time.sleep(0.1)
    print(
        f"Watchkeeper is running. Open {layout.page_url} (Ctrl-C ends everything; logs: {layout.data_dir}/logs)",
        flush=True,  # The address is also read through a pipe.
    )
    if scenario:
        outside.start(scenario, seed)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            _refuse_dead(supervisor)
            time.sleep(0.5)
    print("Ending all processes.")


def _refuse_dead(supervisor: Supervisor) -> None:
    if supervisor.failure:
        raise Permanent(supervisor.failure)


def _folder(data_dir: Path | None, stack: contextlib.ExitStack, *, headless: bool) -> Path:
    """An empty data directory of our own; what a killed demo left running in it is ended first."""
    if headless and data_dir is None:
        made = tempfile.TemporaryDirectory(prefix="watchkeeper-", ignore_cleanup_errors=True)
        return Path(stack.enter_context(made))
    folder = data_dir or Path("var/demo")
    try:
        stack.enter_context(alone(folder))
        if folder.exists():
            end_leftovers(folder)
            shutil.rmtree(folder)
    except OSError as error:
        message = f"cannot use {folder}: {error.strerror}; choose another --data-dir"
        raise Permanent(message) from error
    return folder


def _as_interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
