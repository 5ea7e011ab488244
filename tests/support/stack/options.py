"""How the stacks of the tests differ from a developer's: they do not wait long for what does not come."""

from __future__ import annotations

import os

from stack.settings import StackSettings

VARIABLE = "TEST_SETTINGS"
"""In the environment, `defaults`: the shared stack has production's settings, and tests wait as production does."""

QUICK = {
    "order_svc": {"FUSIONXPAY_EXPIRY_INTERVAL_SECONDS": "0.2"},
    "payment_svc": {
        "FUSIONXPAY_FIRST_CHECK_SECONDS": "2",
        "FUSIONXPAY_PROVIDER_TIMEOUT_SECONDS": "2",
        # a provider's fault in one test must not open the circuit for another
        "FUSIONXPAY_CIRCUIT_FAILURES": "1000",
        "FUSIONXPAY_SETTLING_SECONDS": "0",
        # what a test asks of a provider must not be beside what a loop asks
        "FUSIONXPAY_RECONCILE_DAILY": "false",
        "FUSIONXPAY_WEBHOOK_NETWORKS": "stripe=127.0.0.0/8,::1",
    },
    "notify_svc": {"FUSIONXPAY_DELIVERY_TIMEOUT_SECONDS": "2", "FUSIONXPAY_STREAM_HEARTBEAT_SECONDS": "0.2"},
    "edge": {"FUSIONXPAY_LAST_USE_SECONDS": "0.2"},
    # what other tests are refused must not be condensed with what a test looks for
    "audit_svc": {"FUSIONXPAY_UNIDENTIFIED_PER_SECOND": "100000"},
    "sandbox": {"SANDBOX_SETTLE_SECONDS": "0.3"},
}
"""Environment by component."""

BREAKABLE = QUICK | {
    "order_svc": QUICK["order_svc"] | {"FUSIONXPAY_EVENT_RETRY_SECONDS": "0.1,0.2,0.4,0.8"},
    "notify_svc": QUICK["notify_svc"] | {"FUSIONXPAY_EVENT_RETRY_SECONDS": "0.1,0.2,0.4,0.8"},
    "payment_svc": QUICK["payment_svc"] | {"FUSIONXPAY_CIRCUIT_FAILURES": "3", "FUSIONXPAY_CIRCUIT_OPEN_SECONDS": "1"},
    "audit_svc": QUICK["audit_svc"] | {"FUSIONXPAY_SPOOL_ROTATE_BYTES": "50000"},
}
"""The same for a stack whose providers are taken away: its circuits open, and close again soon.

Consumers soon give up on an event. The audit's files are small, so that they change under load."""


def shared_settings(**fields: object) -> StackSettings:
    """Return the settings of the shared stack."""
    if os.environ.get(VARIABLE) == "defaults":
        # no limit: without the one nothing is refused by its address, without the other no test's payment is compared
        names = ("FUSIONXPAY_WEBHOOK_NETWORKS", "FUSIONXPAY_SETTLING_SECONDS", "FUSIONXPAY_RECONCILE_DAILY")
        only = {"payment_svc": {name: QUICK["payment_svc"][name] for name in names}}
        return StackSettings(service_env=only, **fields)  # type: ignore[arg-type]  # the caller knows them
    return StackSettings(service_env=QUICK, durable=False, **fields)  # type: ignore[arg-type]
