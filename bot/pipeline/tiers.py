"""tiers: whether people set the tier of a plan's scope to observe, so that nothing runs there, approved or not."""

from bot.domain.order_rules import tier_scopes
from bot.domain.plan import Plan
from bot.domain.playbook import Tier
from bot.domain.scope import scope_words
from bot.ports import Transaction


def observed(tx: Transaction, plan: Plan) -> str:
    """The scope that is only observed, in words, or an empty string."""
    rows = tx.tiers(tier_scopes(plan))
    return next((scope_words(row.scope) for row in rows if row.tier == Tier.OBSERVE), "")
