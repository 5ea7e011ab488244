"""What Envoy and the edge service agree on, most of it headers; those that Envoy sets are removed from a client's."""

from __future__ import annotations

import grpc

from mesh.errors import EDGE_DOMAIN, ApiError

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
CONSOLE_USER = "x-console-user"
"""Set in answers by the console: the id of who is logged in, for the audit."""
CONSOLE_ACT = "x-console-act"
"""Sent by the console to itself, through Envoy: the proof that somebody is about to do what the path says."""
WEBHOOK_PATH = "x-webhook-path"
"""Set by Envoy to the path of a provider's webhook without its query, which names the provider."""
SIGNATURE = "fusionxpay-signature"
"""Sent by the client: `edge.use_cases.signing`."""
CHECK = "fusionxpay-check"
"""Said by Envoy to the edge service as gRPC metadata: what a question is about."""
KEY_CHECK = "key"
"""The key alone: the body has not been taken yet."""
CELL_CHECK = "cell"
"""Which cell the request goes to: said by the Envoy that is before several of them."""
CELL = "x-merchant-cell"
"""Set by that Envoy to the name of the cell that a request goes to."""
MAX_BODY = 64 * 1024
"""How many bytes a merchant's request may have."""
MAX_WEBHOOK_BODY = 256 * 1024
"""And a provider's webhook."""
BODY_TOO_LARGE = ApiError(
    grpc.StatusCode.INVALID_ARGUMENT,
    "BODY_TOO_LARGE",
    f"the request body is too large: it has at most {MAX_BODY >> 10} KiB, "
    f"a provider's webhook {MAX_WEBHOOK_BODY >> 10} KiB",
    domain=EDGE_DOMAIN,
)
"""Has a status of its own in HTTP, which no gRPC code maps to."""
