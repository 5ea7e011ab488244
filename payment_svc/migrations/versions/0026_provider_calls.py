"""What was said to providers about a payment, as much of it as may be kept."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"

TEXTS = ("request_id", "idempotency_key", "error", "trace_id")


def upgrade() -> None:
    op.create_table(
        "provider_calls",
        sa.Column("call_id", sa.UUID, nullable=False),
        sa.Column("payment_id", sa.UUID, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("provider", "operation", "method", "path")),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("duration_us", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in TEXTS),
        sa.Column("bodies", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("call_id", name="pk_provider_calls"),
    )
    op.create_index("ix_provider_calls_payment", "provider_calls", ["payment_id", "call_id"])


def downgrade() -> None:
    op.drop_table("provider_calls")
