"""What things cost and how long they take: measured ones are those of docs/performance.md, the rest is assumed."""

from __future__ import annotations

ORDER_SECONDS = 0.0025
"""Processor time of an order, in all processes. Measured."""
PAYMENT_SECONDS = 0.047
"""Processor time of a payment from its order to the merchant's webhooks, without the simulator. Measured."""
PAYMENT_WAL_BYTES = 43_000
"""What a payment writes ahead, in all databases. Measured."""
SPREAD = 0.6
"""Sigma of the logarithm of a request's time. Assumed."""
BUSY = 0.6
"""How busy processors may be, so that a zone of three can go and bursts fit. Chosen."""

DETECT_SECONDS = (5.0, 15.0)
"""From a loss until it is believed: three looks in a row."""
PROMOTE_SECONDS = (2.0, 8.0)
"""From then until a standby takes writes, and the pools have found it."""
DECIDE_SECONDS = (300.0, 900.0)
"""How long a person takes to give up a cell or a region for lost."""
REROUTE_SECONDS = (30.0, 90.0)
"""Until the world's DNS leads to another region."""
LAG_SECONDS = 0.8
"""Mean lag of the copy in another region, which is asynchronous."""
PROVIDER_SECONDS = 0.3
"""How long a provider takes, in which a payment is under way."""

APPLY_ROWS = 8_000
"""Rows a second that a logical copy applies."""
ROWS_A_PAYMENT = 63
"""Rows that a payment inserts or updates. Measured."""
SWITCH_SECONDS = 0.4
"""Until every Envoy routes a merchant's keys to another cell."""
