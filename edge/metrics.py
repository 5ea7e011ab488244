"""What the edge measures."""

from __future__ import annotations

from mesh.metrics import counter, histogram

LIMITED = counter(
    "fusionxpay_global_limit_total", "Requests asked about by an Envoy", outcome=("within", "over", "skipped", "away")
)
AUTHORIZATIONS = counter(
    "fusionxpay_authorizations_total", "Requests that Envoy asked about, by what it was told",
    outcome=("allowed", "key_invalid", "forbidden", "request_invalid", "unavailable"),
)  # fmt: skip
AUTHORIZATION_SECONDS = histogram("fusionxpay_authorization_seconds", "Time to answer Envoy")
