"""OAuth 2.0: client credentials in, access tokens out. ``POST /v1/oauth2/token``."""

import base64
import binascii
import hmac
import re
import secrets
import time
from urllib.parse import parse_qs

from sandbox.paypal.account import NAME, Account
from sandbox.paypal.errors import oauth
from sandbox.paypal.settings import PaypalSettings
from sandbox.store.documents import JSON, Document

_SCOPE = "https://uri.paypal.com/services/payments/payment https://uri.paypal.com/services/payments/refund"
_FURTHER_APP = re.compile(rb"app_acct_([a-z0-9]+):secret_acct_\1(_[a-z0-9]+)?")
"""Apps that are made by being named, each with as many secrets as wanted; all see the objects of the one account."""
_APP_ID = "APP-80W284485P519543T"


def issue(account: Account, authorization: str, raw: bytes) -> JSON:
    """A token for whoever knows the client's secret."""
    settings = account.settings
    if not _knows_secret(settings, authorization):
        raise oauth(401, "invalid_client", "Client Authentication failed")
    if parse_qs(raw.decode("utf-8", "replace")).get("grant_type") != ["client_credentials"]:
        raise oauth(400, "unsupported_grant_type", "Grant Type is not supported")
    lifetime = settings.token_seconds
    token = f"A21AA{secrets.token_urlsafe(48)}"
    # Kept in the database: a restart must not log every client out.
    private: JSON = {"object": f"{NAME}.token", "created": int(time.time()), "expires": time.time() + lifetime}
    account.save(Document({"id": token}, private))
    return {
        "scope": _SCOPE,
        "access_token": token,
        "token_type": "Bearer",
        "app_id": _APP_ID,
        "expires_in": lifetime,
        "nonce": secrets.token_hex(8),
    }


def check(account: Account, authorization: str) -> None:
    """Refuse a request whose bearer token is missing, unknown or expired."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise oauth(401, "invalid_token", "Authorization header does not have valid access token")
    known = account.find("token", token.strip())
    if known is None:
        raise oauth(401, "invalid_token", "Token signature verification failed")
    if known.private["expires"] <= time.time():
        raise oauth(401, "invalid_token", "Access token has expired")


def _knows_secret(settings: PaypalSettings, authorization: str) -> bool:
    scheme, _, value = authorization.partition(" ")
    try:
        given = base64.b64decode(value, validate=True)
    except binascii.Error:
        return False
    wanted = f"{settings.client_id}:{settings.client_secret}".encode()
    is_known = hmac.compare_digest(given, wanted) or _FURTHER_APP.fullmatch(given) is not None
    return scheme.lower() == "basic" and is_known
