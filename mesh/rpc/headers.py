"""Headers that only the edge sets or reads. Those that Envoy sets are removed from what a client sends."""

from __future__ import annotations

KEY_KEY = "x-merchant-key"
"""The id of the key that came in, for limits and logs."""
CLIENT_ADDRESS = "x-client-address"
"""Set by Envoy to the client's address as it resolves it, whatever proxies are before it."""
WEBHOOK_PATH = "x-webhook-path"
"""Set by Envoy to the path of a provider's webhook without its query, which names the provider."""
SIGNATURE = "fusionxpay-signature"
"""Sent by the client: `edge.use_cases.signing`."""
