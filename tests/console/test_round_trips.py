"""What a page asks of the gateway: each request goes through Envoy, the edge and a service, whatever else there is."""

from __future__ import annotations

import uuid
from collections import Counter

import psycopg

from console.api.glances import Orders
from console.clients.merchant_api import ROWS_MOST
from stack.stack import Ready
from tests.support.console import Browser
from tests.support.merchant.api import Merchant
from tests.support.waiting import eventually

ASKED = "SELECT regexp_replace(path, '[0-9a-f-]{36}', '*'), path, user_agent FROM entries WHERE merchant_id = %s"
OVERVIEW = [*["/v1/payments"] * 2, "/v1/disputes", "/v1/webhook_endpoints", "/v1/deliveries"]
PAYMENT = ["/v1/payments/*", "/v1/payments/*/refunds", "/v1/orders/*", "/v1/orders/*/timeline", "/v1/events"]


class Counting:
    """Counts what pages of a merchant ask for, as the audit has it."""

    def __init__(self, gateway: Ready, merchant: Merchant) -> None:
        self._url = gateway.database_urls["audit"]
        self._merchant = merchant

    def asked(self) -> Counter[str]:
        """Return what was asked for until now."""
        # what comes last: with it all else is there
        last = f"/v1/orders/{uuid.uuid4()}"
        self._merchant.http.get(last)
        rows: list[tuple[str, str, str]] = []

        def is_there() -> bool:
            with psycopg.connect(self._url) as connection:
                rows[:] = connection.execute(ASKED, [self._merchant.tenant_id]).fetchall()
            return any(path == last for _, path, _ in rows)

        eventually(is_there, "the audit")
        return Counter(shape for shape, _, agent in rows if agent.startswith("fusionxpay-console"))


def test_a_page_asks_for_each_thing_once(owner: Browser, merchant: Merchant, gateway: Ready) -> None:
    payment_id = merchant.charge(merchant.new_order("20.00")["order_id"])["payment_id"]
    counting = Counting(gateway, merchant)
    # its figures are counted once a minute
    owner.overview(14)
    for path, expected in (("/?days=14", OVERVIEW), *[(f"/payments/{payment_id}", PAYMENT)] * 2):
        before = counting.asked()
        owner.page(path)
        assert counting.asked() - before == Counter(expected), path


def test_a_page_of_an_order_with_a_long_history_shows_its_beginning(
    owner: Browser, merchant: Merchant, gateway: Ready
) -> None:
    order_id = merchant.new_order("20.00")["order_id"]
    assert "shows the first" not in owner.page(f"/orders/{order_id}")
    with psycopg.connect(gateway.database_urls["orders"]) as connection:
        connection.execute(
            "INSERT INTO history"
            " (order_id, resource, resource_id, version, status, time, detail, actor, cause, trace_id)"
            " SELECT %s, 'order', %s, n + 1, 'PARTIALLY_REFUNDED', now(), '', 'gateway', 'test', ''"
            " FROM generate_series(1, %s) n",
            [order_id, order_id, 2 * ROWS_MOST],
        )
    page = owner.page(f"/orders/{order_id}")
    assert f"shows the first {ROWS_MOST:,} of each list" in page
    assert page.count('<div class="what">') == ROWS_MOST


def test_what_is_known_of_payments_has_an_end() -> None:
    known = Orders(most=2)
    for number in ("1", "2", "1", "3"):
        known.keep(number, f"order {number}")
    assert [known.get(number) for number in ("1", "2", "3")] == ["order 1", "", "order 3"]
