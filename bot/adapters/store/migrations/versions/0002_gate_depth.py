"""gate depth: freeze windows, admitted executions, counted refusals, the second approver of a grant

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "freezes",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.Float(), nullable=False),
        sa.Column("ends_at", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_freezes")),
    )
    op.create_index(op.f("ix_freezes_tenant_ends_at"), "freezes", ["tenant", "ends_at"])
    op.create_table(
        "executions",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("plan_hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "plan_hash", "name", name=op.f("pk_executions")),
    )
    op.create_index(op.f("ix_executions_tenant_name_at"), "executions", ["tenant", "name", "at"])
    op.create_table(
        "refusals",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("incident", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "incident", "user", name=op.f("pk_refusals")),
    )
    op.add_column("grants", sa.Column("seconded_by", sa.Text(), nullable=False, server_default=""))
    op.add_column("planned_events", sa.Column("entered_at", sa.Float(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Take back."""
    op.drop_column("planned_events", "entered_at")
    op.drop_column("grants", "seconded_by")
    op.drop_table("refusals")
    op.drop_index(op.f("ix_executions_tenant_name_at"), table_name="executions")
    op.drop_table("executions")
    op.drop_index(op.f("ix_freezes_tenant_ends_at"), table_name="freezes")
    op.drop_table("freezes")
