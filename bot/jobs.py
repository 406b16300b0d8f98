"""Every entry point of the queue: stable names, one row id each. A job is a poke; the row says what is due.

The registry of what a job runs: each process loads the wiring of its own jobs only, since that of another is large.
"""

from importlib import import_module

import structlog

from bot.boundary import guarded


def correlate(_row_id: int) -> None:
    """Correlate whatever is pending."""
    guarded("correlate", import_module("bot.wiring.correlator").pass_over_pending)


def work(task_id: int) -> None:
    """Do one background task: investigate or review."""
    with structlog.contextvars.bound_contextvars(job="work", task=task_id):
        guarded("work", lambda: import_module("bot.wiring.worker").work_on(task_id))


def plan(_row_id: int) -> None:
    """Read the calendars of planned work."""
    with structlog.contextvars.bound_contextvars(job="plan"):
        guarded("plan", import_module("bot.wiring.calendars").look)


def watch(_row_id: int) -> None:
    """Look for trouble that no alert told of."""
    with structlog.contextvars.bound_contextvars(job="watch"):
        guarded("watch", import_module("bot.wiring.watcher").look)
