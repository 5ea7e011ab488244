"""Keys have a mode, scopes, an end, networks and a signing secret; every change of them has a number."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0002"
down_revision = "0001"

# A number is taken under a lock that is held to the end of the transaction, so that numbers become visible in their
# order: who has seen one has seen all below it. Keys are revoked, never deleted: a deletion would have no number.
TRIGGERS = """
CREATE SEQUENCE api_key_changes;

CREATE FUNCTION number_api_key_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION 'keys are revoked, not deleted' USING ERRCODE = 'check_violation';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('fusionxpay-api-key-changes'));
  NEW.change_seq := nextval('api_key_changes');
  RETURN NEW;
END $$;

CREATE TRIGGER number_change BEFORE INSERT OR UPDATE OR DELETE ON api_keys
  FOR EACH ROW EXECUTE FUNCTION number_api_key_change();

CREATE FUNCTION number_merchant_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE api_keys SET change_seq = 0 WHERE merchant_id = NEW.merchant_id;
  RETURN NULL;
END $$;

CREATE TRIGGER number_change AFTER UPDATE OF disable_time ON merchants
  FOR EACH ROW EXECUTE FUNCTION number_merchant_change();

UPDATE api_keys SET change_seq = 0;
"""


def upgrade() -> None:
    op.add_column("merchants", sa.Column("disable_time", sa.DateTime(timezone=True)))
    for column in (
        sa.Column("mode", sa.Text(), server_default="test", nullable=False),
        sa.Column("scopes", pg.ARRAY(sa.Text()), server_default="{*}", nullable=False),
        sa.Column("networks", pg.ARRAY(pg.CIDR()), server_default="{}", nullable=False),
        sa.Column("signature", sa.Text(), server_default="none", nullable=False),
        sa.Column("signing_secret", sa.LargeBinary()),
        sa.Column("expire_time", sa.DateTime(timezone=True)),
        sa.Column("change_seq", sa.BigInteger(), server_default="0", nullable=False),
    ):
        op.add_column("api_keys", column)
    op.create_check_constraint(op.f("ck_api_keys_mode"), "api_keys", "mode IN ('test', 'live')")
    op.create_check_constraint(
        op.f("ck_api_keys_signature"), "api_keys", "signature IN ('none', 'optional', 'required')"
    )
    op.create_check_constraint(
        op.f("ck_api_keys_signing_secret"), "api_keys", "(signature = 'none') = (signing_secret IS NULL)"
    )
    op.create_index("ix_api_keys_change_seq", "api_keys", ["change_seq"])
    op.create_index("ix_api_keys_merchant", "api_keys", ["merchant_id", "api_key_id"])
    op.create_table(
        "api_key_uses",
        sa.Column("api_key_id", sa.UUID(), nullable=False),
        sa.Column("last_use_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.api_key_id"], name="fk_api_key_uses_api_key_id_api_keys"),
        sa.PrimaryKeyConstraint("api_key_id", name="pk_api_key_uses"),
    )
    op.create_table(
        "signature_nonces",
        sa.Column("api_key_id", sa.UUID(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("api_key_id", "nonce", name="pk_signature_nonces"),
    )
    op.create_index("ix_signature_nonces_create_time", "signature_nonces", ["create_time"])
    op.execute(TRIGGERS)


def downgrade() -> None:
    op.drop_table("signature_nonces")
    op.drop_table("api_key_uses")
    op.execute("DROP TRIGGER number_change ON merchants")
    op.execute("DROP TRIGGER number_change ON api_keys")
    op.execute("DROP FUNCTION number_merchant_change")
    op.execute("DROP FUNCTION number_api_key_change")
    op.execute("DROP SEQUENCE api_key_changes")
    op.drop_index("ix_api_keys_merchant", table_name="api_keys")
    for name in ("change_seq", "expire_time", "signing_secret", "signature", "networks", "scopes", "mode"):
        op.drop_column("api_keys", name)
    op.drop_column("merchants", "disable_time")
