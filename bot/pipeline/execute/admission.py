"""Admission: the caps over all plans, counted and claimed in one transaction right before a plan starts.

An undo is counted and never refused here: putting back what was there must not wait for an hour to pass.
"""

from bot.domain.caps import HOUR_S, Counted, names_of, too_much, too_often
from bot.domain.errors import Refused
from bot.pipeline.execute.journal import Run
from bot.pipeline.forbid import read_only
from bot.ports import Transaction


def admit(run: Run) -> None:
    """Count this execution; raises Refused with the cap that it would pass. Asked again, it counts once."""
    plan, caps = run.row.plan, run.means.caps
    if read_only(plan):
        return
    alone = "" if plan.undoes else too_much(plan, caps)
    if alone:
        raise Refused(alone, rule="cap")

    def work(tx: Transaction) -> None:
        tx.lock_admission()
        if tx.admitted(run.hash):
            return
        now, names = run.now(), names_of(plan)
        counted = Counted(
            tx.running_admitted(), {name: tx.admissions(name, since=now - HOUR_S) for name in names}
        )
        why = "" if plan.undoes else too_often(plan, caps, counted)
        if why:
            raise Refused(why, rule="cap")
        tx.admit(run.hash, names, at=now)

    run.means.store.transact(work)
