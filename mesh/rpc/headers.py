"""What Envoy and the edge service agree on, most of it headers; those that Envoy sets are removed from a client's."""

from __future__ import annotations

KEY_KEY = "x-merchant-key"
"""The id of the key that came in, for limits and logs."""
ACCOUNT_KEY = "x-merchant-account"
"""The merchant itself, whose id in `x-merchant-id` is another one in live mode."""
KEY_SCOPES = "fusionxpay-key-scopes"
"""Set in answers: what the key that came in may do, scopes with spaces between them."""
DENIED_MERCHANT, DENIED_KEY, DENIED_MODE = "merchant_id", "key_id", "mode"
"""Told to Envoy beside a refusal, for the audit: whose key it was."""
CLIENT_ADDRESS = "x-client-address"
"""Set by Envoy to the client's address as it resolves it, whatever proxies are before it."""
WEBHOOK_PATH = "x-webhook-path"
"""Set by Envoy to the path of a provider's webhook without its query, which names the provider."""
SIGNATURE = "fusionxpay-signature"
"""Sent by the client: `edge.use_cases.signing`."""
CHECK = "fusionxpay-check"
"""Said by Envoy to the edge service as gRPC metadata: what a question is about."""
KEY_CHECK = "key"
"""The key alone: the body has not been taken yet."""
MAX_BODY = 64 * 1024
"""How many bytes a merchant's request may have."""
