"""unshown: the few messages that do not show yet what they should are found without reading all that ever were

Revision ID: 0007
Revises: 0006
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_OLD, _NAME = "ix_messages_tenant_next_at", "ix_messages_unshown"
_UNSHOWN = sa.text("sent < wanted")


def upgrade() -> None:
    """Apply."""
    op.drop_index(_OLD, "messages")
    # Naming a dialect loads it, and the one that is not in use stays in memory for nothing.
    where: dict[str, Any] = {f"{op.get_bind().dialect.name}_where": _UNSHOWN}
    op.create_index(_NAME, "messages", ["tenant", "next_at"], **where)


def downgrade() -> None:
    """Take back."""
    op.drop_index(_NAME, "messages")
    op.create_index(_OLD, "messages", ["tenant", "next_at"])
