"""What the notification service measures, and what a person has to look at."""

from __future__ import annotations

from mesh.metrics import LONG_SECONDS, Alert, counter, gauge, histogram
from notify_svc.domain.delivery import DeliveryStatus
from notify_svc.domain.endpoint import Kind

_KINDS = tuple(str(kind) for kind in Kind)

ATTEMPTS = counter(
    "fusionxpay_deliveries_total", "Attempts to deliver, by what became of the delivery: PENDING is tried again",
    kind=_KINDS, outcome=tuple(str(status) for status in DeliveryStatus),
)  # fmt: skip
FIRST_SECONDS = histogram(
    "fusionxpay_delivery_first_seconds",
    "Time from an event's commit until the first attempt to deliver it ended, to endpoints that work",
    LONG_SECONDS, kind=_KINDS,
)  # fmt: skip
DELIVERED_SECONDS = histogram(
    "fusionxpay_delivery_seconds", "Time from an event's commit until it was delivered", LONG_SECONDS, kind=_KINDS
)
DUE_OLDEST = gauge(
    "fusionxpay_deliveries_due_oldest_seconds", "How long the oldest delivery to an endpoint that works has been due",
    kind=_KINDS,
)  # fmt: skip
WAITING_ENDPOINTS = gauge("fusionxpay_endpoints_waiting", "Endpoints that something is to be delivered to", kind=_KINDS)
FAILING_ENDPOINTS = gauge(
    "fusionxpay_endpoints_failing", "Those of them that have taken nothing since a delivery failed", kind=_KINDS
)

DELIVERY_FAILED_HERE = Alert(
    "delivery_failed_here", "a delivery failed on our side, as with a secret that none of `SECRET_KEYS` opens"
)
ENDPOINT_DISABLED = Alert("webhook_endpoint_disabled", "an endpoint failed for days, or is gone; its merchant was told")
