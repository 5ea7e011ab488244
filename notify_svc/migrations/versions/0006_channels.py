"""An endpoint has a kind: beside webhooks, mailboxes and browsers are notified of events."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

TABLE = "webhook_endpoints"
REASONS = "disable_reason IN ('', 'MERCHANT', 'GONE', 'FAILING'%s)"


def upgrade() -> None:
    # the defaults stay: during a rolling update the version before goes on writing rows
    op.add_column(TABLE, sa.Column("kind", sa.Text(), server_default="WEBHOOK", nullable=False))
    op.add_column(TABLE, sa.Column("language", sa.Text(), server_default="EN", nullable=False))
    op.add_column(TABLE, sa.Column("token_hash", sa.LargeBinary(), nullable=True))
    op.add_column(TABLE, sa.Column("token_expire_time", sa.DateTime(timezone=True), nullable=True))
    op.alter_column(TABLE, "secret", nullable=True)
    op.create_check_constraint(op.f(f"ck_{TABLE}_kind_known"), TABLE, "kind IN ('WEBHOOK', 'EMAIL', 'PUSH')")
    op.create_check_constraint(op.f(f"ck_{TABLE}_secret_there"), TABLE, "(secret IS NULL) = (kind = 'EMAIL')")
    _replace_reasons(", 'UNCONFIRMED'")


def downgrade() -> None:
    op.execute(f"DELETE FROM delivery_attempts WHERE delivery_id IN ({_of_channels('delivery_id')})")
    op.execute(f"DELETE FROM deliveries WHERE delivery_id IN ({_of_channels('delivery_id')})")
    op.execute(f"DELETE FROM {TABLE} WHERE kind <> 'WEBHOOK'")
    _replace_reasons("")
    op.drop_constraint(op.f(f"ck_{TABLE}_secret_there"), TABLE)
    op.drop_constraint(op.f(f"ck_{TABLE}_kind_known"), TABLE)
    op.alter_column(TABLE, "secret", nullable=False)
    for name in ("token_expire_time", "token_hash", "language", "kind"):
        op.drop_column(TABLE, name)


def _replace_reasons(more: str) -> None:
    op.drop_constraint(op.f(f"ck_{TABLE}_disable_reason_known"), TABLE)
    op.create_check_constraint(op.f(f"ck_{TABLE}_disable_reason_known"), TABLE, REASONS % more)


def _of_channels(column: str) -> str:
    return f"SELECT {column} FROM deliveries JOIN {TABLE} USING (endpoint_id) WHERE kind <> 'WEBHOOK'"
