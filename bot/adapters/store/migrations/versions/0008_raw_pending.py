"""raw_pending: what waits to be correlated is a narrow table, since a mark in each payload's row rewrote the payload

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INDEX = "ix_raw_bodies_tenant_state_id"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "raw_pending",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("received_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_raw_pending")),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO raw_pending (tenant, id, received_at)"
        " SELECT tenant, id, received_at FROM raw_bodies WHERE state = 'pending'"
    )
    op.execute("UPDATE raw_bodies SET state = 'stored' WHERE state = 'pending'")
    op.drop_index(_INDEX, "raw_bodies")


def downgrade() -> None:
    """Take back."""
    op.execute("UPDATE raw_bodies SET state = 'done' WHERE state = 'stored'")
    op.execute(
        "UPDATE raw_bodies SET state = 'pending' WHERE EXISTS"
        " (SELECT 1 FROM raw_pending AS p WHERE p.tenant = raw_bodies.tenant AND p.id = raw_bodies.id)"
    )
    op.create_index(_INDEX, "raw_bodies", ["tenant", "state", "id"])
    op.drop_table("raw_pending")
