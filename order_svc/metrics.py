"""What the order service measures, and what a person has to look at."""

from __future__ import annotations

from mesh.metrics import Alert, counter
from order_svc.domain import OrderStatus

ORDERS = counter("fusionxpay_orders_total", "Steps of orders into a status", status=tuple(str(s) for s in OrderStatus))

CAPTURE_WITHOUT_ORDER = Alert("capture_without_order", "money was taken for an order that is not here")
CAPTURE_QUARANTINED = Alert("capture_quarantined", "money was taken that does not fit its order, which is unchanged")
