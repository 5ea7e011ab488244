"""What was said to each provider and by it is told of a payment, and nothing of it is a secret or a customer's."""

from __future__ import annotations

import json
import zlib

import psycopg

from stack.stack import Ready
from tests.providers.cases import proves
from tests.providers.shop import Shop
from tests.support.merchant.api import RETURN_URL, Json
from tests.support.waiting import eventually


def _exchanges(shop: Shop, payment: Json) -> list[Json]:
    found: list[Json] = shop.merchant.get(f"/v1/payments/{payment['payment_id']}/provider_exchanges")["exchanges"]
    return found


def _operations(shop: Shop, payment: Json) -> set[str]:
    return {one["operation"] for one in _exchanges(shop, payment) if one["kind"] == "CALL"}


@proves()
def test_what_was_said_about_a_payment_is_told(shop: Shop, gateway: Ready) -> None:
    payment = shop.paid()
    eventually(lambda: "start" in _operations(shop, payment), "the calls, which are written down soon")
    found = _exchanges(shop, payment)
    assert [one["time"] for one in found] == sorted(one["time"] for one in found)
    assert any(one["kind"] == "WEBHOOK" and one["status"] == "APPLIED" and one["request"] for one in found)
    # beside them is that of an access token, where the provider wants one
    starts = [one for one in found if one["operation"] == "start" and one["http_status"]]
    start = next(one for one in starts if json.loads(one["answer"]).get("id") == payment["provider_reference"])
    assert start["method"] == "POST"
    assert int(start["duration_us"]) > 0
    _has_no_secrets(shop, found, gateway)


def _has_no_secrets(shop: Shop, found: list[Json], gateway: Ready) -> None:
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        rows = connection.execute(
            "SELECT c::text, bodies FROM provider_calls c WHERE provider = %s", [shop.driver.name]
        ).fetchall()
    stored = json.dumps(found) + "".join(text + zlib.decompress(bodies).decode() for text, bodies in rows)
    for word in ("two pears", RETURN_URL, "client_secret", "callback_token", "access_token", "Bearer", "@"):
        assert word not in stored, word
