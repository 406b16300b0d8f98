"""Every entry point of the queue: stable names, one row id each. A job is a poke; the row says what is due."""

import structlog

from bot.boundary import guarded
from bot.wiring import correlator, worker


def correlate(_row_id: int) -> None:
    """Correlate whatever is pending."""
    guarded("correlate", correlator.pass_over_pending)


def work(task_id: int) -> None:
    """Do one background task: investigate or review."""
    with structlog.contextvars.bound_contextvars(job="work", task=task_id):
        guarded("work", lambda: worker.work_on(task_id))
