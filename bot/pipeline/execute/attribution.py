"""Whose approval a plan runs on, in one short text: for the log of a provider that records in whose name it was called.

Read from the grant that the executor has checked, never from the log of an incident or from a card.
"""

from typing import Protocol, runtime_checkable

from bot.ports import Executor, Transaction


@runtime_checkable
class Attributed(Protocol):
    """An executor whose provider writes down in whose name each call came."""

    def for_approver(self, approver: str) -> Executor:
        """The same executor, whose calls bear this name."""
        ...


def approved_by(tx: Transaction, plan_hash: str) -> str:
    """Who approved the plan: account ids joined by commas; a standing order's id first, then who signed it."""
    grant = tx.grant(plan_hash)
    if grant is None:
        return ""
    if not grant.order_hash:
        return ",".join(one for one in (grant.approver, grant.seconded_by) if one)
    order = tx.order(grant.order_hash)
    signers = sorted(one.signer for one in tx.signatures(grant.order_hash))
    return ",".join([order.order.id if order else "", *signers])
