"""sources: deliveries that were taken, so that a replay is refused; changes that monitoring systems report

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "deliveries",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "source", "key", name=op.f("pk_deliveries")),
    )
    op.create_index(op.f("ix_deliveries_tenant_at"), "deliveries", ["tenant", "at"])
    op.create_table(
        "changes",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_changes")),
    )
    op.create_index(op.f("ix_changes_tenant_at"), "changes", ["tenant", "at"])


def downgrade() -> None:
    """Take back."""
    op.drop_index(op.f("ix_changes_tenant_at"), table_name="changes")
    op.drop_table("changes")
    op.drop_index(op.f("ix_deliveries_tenant_at"), table_name="deliveries")
    op.drop_table("deliveries")
