"""standing orders: the orders, their signatures, what they fired, the tiers that people set, the order of a grant

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "standing_orders",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("live_seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_standing_orders")),
        sa.UniqueConstraint("tenant", "hash", name=op.f("uq_standing_orders_tenant_hash")),
    )
    op.create_index(op.f("ix_standing_orders_tenant_state"), "standing_orders", ["tenant", "state"])
    op.create_table(
        "order_signatures",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("order_hash", sa.Text(), nullable=False),
        sa.Column("signer", sa.Text(), nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("message_ts", sa.Text(), nullable=False),
        sa.Column("signed_ms", sa.BigInteger(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "order_hash", "signer", name=op.f("pk_order_signatures")),
    )
    op.create_table(
        "order_firings",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("incident", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("plan_hash", sa.Text(), nullable=False),
        sa.Column("order_hash", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "incident", "target", name=op.f("pk_order_firings")),
    )
    op.create_index(
        op.f("ix_order_firings_tenant_order_hash_at"), "order_firings", ["tenant", "order_hash", "at"]
    )
    op.create_table(
        "tiers",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "scope", name=op.f("pk_tiers")),
    )
    op.add_column("grants", sa.Column("order_hash", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Take back."""
    op.drop_column("grants", "order_hash")
    op.drop_table("tiers")
    op.drop_index(op.f("ix_order_firings_tenant_order_hash_at"), table_name="order_firings")
    op.drop_table("order_firings")
    op.drop_table("order_signatures")
    op.drop_index(op.f("ix_standing_orders_tenant_state"), table_name="standing_orders")
    op.drop_table("standing_orders")
