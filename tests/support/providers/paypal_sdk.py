"""PayPal's official SDK, as it is, with its requests led to the sandbox."""

from __future__ import annotations

from typing import Any

import requests
from paypalserversdk.http.auth.o_auth_2 import ClientCredentialsAuthCredentials
from paypalserversdk.paypal_serversdk_client import PaypalServersdkClient
from requests.adapters import HTTPAdapter

PAYPAL = "https://api-m.sandbox.paypal.com"


class _Detour(HTTPAdapter):
    """Sends what is meant for PayPal elsewhere; the SDK has no setting for its address."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        """Send a request."""
        request.url = (request.url or "").replace(PAYPAL, self._url, 1)
        return super().send(request, *args, **more)


def paypal_sdk(url: str, client_id: str, client_secret: str) -> PaypalServersdkClient:
    """Return a client whose PayPal is at an address."""
    session = requests.Session()
    session.trust_env = False
    session.mount(PAYPAL, _Detour(url))
    credentials = ClientCredentialsAuthCredentials(o_auth_client_id=client_id, o_auth_client_secret=client_secret)
    return PaypalServersdkClient(
        client_credentials_auth_credentials=credentials,
        http_client_instance=session,
        override_http_client_configuration=False,
    )
