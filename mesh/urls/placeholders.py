"""What a merchant may leave to us in the URLs that the customer's browser comes back to. Pure."""

from __future__ import annotations

from uuid import UUID

PLACEHOLDERS = ("{ORDER_ID}", "{PAYMENT_ID}", "{STATUS}")


def filled(url: str, order_id: UUID, payment_id: UUID, status: str) -> str:
    """Return a URL with its placeholders filled in; `status` is the way by which the customer came."""
    for placeholder, value in zip(PLACEHOLDERS, (order_id, payment_id, status), strict=True):
        url = url.replace(placeholder, str(value))
    return url
