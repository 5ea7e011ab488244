"""Events that a consumer cannot apply."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from mesh.events.participants import publisher_of
from mesh.events.signature import Signer
from stack.stack import Ready
from tests.support.stack.bus import connected, files_of


@contextmanager
def poisoned(gateway: Ready, order_id: str) -> Iterator[None]:
    """Have the order service's database refuse that this one order is paid."""
    with psycopg.connect(gateway.database_urls["orders"], autocommit=True) as connection:
        name = f"poison_{order_id.replace('-', '')}"
        connection.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION 'poisoned'; END $$;"
            f" CREATE TRIGGER {name} BEFORE UPDATE ON orders FOR EACH ROW"
            f" WHEN (NEW.order_id = '{order_id}' AND NEW.status = 'SUCCESS') EXECUTE FUNCTION {name}()".encode()
        )
        try:
            yield
        finally:
            connection.execute(f"DROP TRIGGER {name} ON orders; DROP FUNCTION {name}()".encode())


async def publish_as_owner(gateway: Ready, subject: str, payload: bytes) -> None:
    """Publish as the service that owns the subject: its own bytes, however broken, are no forgery."""
    (proof,) = Signer(files_of(gateway, publisher_of(subject))).sign([(subject, payload)])
    async with connected(gateway) as client:
        await client.jetstream().publish(subject, payload, headers=proof)
