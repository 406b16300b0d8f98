"""planned: what a planned event does to the alerts that fall into it

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("planned_events", sa.Column("effect", sa.Text(), nullable=False, server_default="explain"))


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("planned_events") as table:
        table.drop_column("effect")
