"""An order that a payment has paid takes no new one, whatever the order service says of it: it may have been restored."""

from alembic import op

revision = "0018"
down_revision = "0017"

# after the insert, which has waited for whoever changed a live payment of the order: what that became is seen
FUNCTION = """
CREATE FUNCTION refuse_paid_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    paid uuid;
BEGIN
    SELECT payment_id INTO paid FROM payments
        WHERE order_id = NEW.order_id AND payment_id <> NEW.payment_id AND status = 'SUCCESS' AND NOT surplus LIMIT 1;
    IF FOUND THEN
        RAISE unique_violation USING MESSAGE = format('order %s is paid', NEW.order_id),
            CONSTRAINT = 'paid_once', DETAIL = paid::text;
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute(FUNCTION)
    op.execute(
        "CREATE TRIGGER paid_once AFTER INSERT ON payments FOR EACH ROW"
        " WHEN (NEW.status = 'INITIATED') EXECUTE FUNCTION refuse_paid_order()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER paid_once ON payments")
    op.execute("DROP FUNCTION refuse_paid_order")
