"""An address is a login at each merchant that has invited it. Expands only: what must be unique is less."""

from alembic import op

from mesh.storage.migrate import add_index

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    add_index(
        "uq_users_email_merchant",
        "users",
        ["email", "merchant_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.execute("ALTER TABLE users DROP CONSTRAINT IF EXISTS uq_users_email")


def downgrade() -> None:
    op.create_unique_constraint("uq_users_email", "users", ["email"])
    op.drop_index("uq_users_email_merchant", "users")
