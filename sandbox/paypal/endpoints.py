"""The table of endpoints: what exists, its operation name for faults, and how long its request ids live."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.paypal import authorizations, captures, disputes, orders, refunds
from sandbox.paypal.account import Account, kind_of
from sandbox.paypal.fields import Call
from sandbox.store.documents import JSON, Document

Handler = Callable[[Account, Call], Document]

_ORDERS_KEPT = 6 * 3600.0
_PAYMENTS_KEPT = 45 * 24 * 3600.0
_OK, _CREATED, _NO_CONTENT = 200, 201, 204


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one URL; `operation` is what faults are aimed at."""

    method: str
    path: str
    operation: str
    handler: Handler
    status: int = _OK
    kept_seconds: float = 0


def show(account: Account, document: Document, *, minimal: bool) -> JSON:
    """A resource as `Prefer` wants it: all of it, or id, status and links."""
    if kind_of(document) == orders.KIND:
        shown = orders.show(account, document)
        return orders.minimal(shown) if minimal else shown
    names = ("id", "status", "status_details", "links")
    return {name: document.body[name] for name in names if name in document.body} if minimal else document.body


_ORDERS = "/v2/checkout/orders"
_PAYMENTS = "/v2/payments"
_AUTHORIZATION = f"{_PAYMENTS}/authorizations/{{id}}"
_CAPTURE = f"{_PAYMENTS}/captures/{{id}}"

ENDPOINTS = (
    Endpoint("POST", _ORDERS, "orders.create", orders.create, _CREATED, _ORDERS_KEPT),
    Endpoint("GET", f"{_ORDERS}/{{id}}", "orders.retrieve", orders.retrieve),
    Endpoint("POST", f"{_ORDERS}/{{id}}/capture", "orders.capture", orders.capture, _CREATED, _ORDERS_KEPT),
    Endpoint("POST", f"{_ORDERS}/{{id}}/authorize", "orders.authorize", orders.authorize, _CREATED, _ORDERS_KEPT),
    Endpoint("GET", _AUTHORIZATION, "authorizations.retrieve", authorizations.retrieve),
    Endpoint("POST", f"{_AUTHORIZATION}/capture", "authorizations.capture", authorizations.capture,
             _CREATED, _PAYMENTS_KEPT),
    Endpoint("POST", f"{_AUTHORIZATION}/void", "authorizations.void", authorizations.void,
             _NO_CONTENT, _PAYMENTS_KEPT),
    Endpoint("GET", _CAPTURE, "captures.retrieve", captures.retrieve),
    Endpoint("POST", f"{_CAPTURE}/refund", "captures.refund", refunds.create, _CREATED, _PAYMENTS_KEPT),
    Endpoint("GET", f"{_PAYMENTS}/refunds/{{id}}", "refunds.retrieve", refunds.retrieve),
    Endpoint("GET", "/v1/customer/disputes/{id}", "disputes.retrieve", disputes.retrieve),
)  # fmt: skip
