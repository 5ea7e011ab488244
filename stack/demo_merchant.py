"""The merchant that a development stack comes with."""

from __future__ import annotations

from dataclasses import dataclass, field

import grpc
from fusionx.identity.v1 import identity_service_pb2 as identity
from fusionx.identity.v1.identity_service_pb2_grpc import IdentityServiceStub

from mesh.rpc.dial import dial
from mesh.tls import TlsFiles
from stack.layout import StackLayout
from stack.process import StackError

DISPLAY_NAME = "Demo merchant"
TIMEOUT = 10.0


@dataclass(frozen=True)
class Merchant:
    """A merchant and the API key that speaks for it; both empty where no merchant exists."""

    id: str
    api_key: str = field(repr=False)


def ensure_demo_merchant(layout: StackLayout) -> None:
    """Have a demo merchant in the stack's secrets: the one of an earlier run, or a new one.

    Raises:
        StackError: the identity service refuses.
    """
    secrets = layout.data.secrets
    if secrets.merchant_api_key:
        return
    merchant = create_demo_merchant(layout.address("edge"), layout.tls("operator"))
    secrets.merchant_id, secrets.merchant_api_key = merchant.id, merchant.api_key
    layout.data.save_secrets()


def create_demo_merchant(target: str, tls: TlsFiles | None) -> Merchant:
    """Create a merchant with an API key at the identity service on `host:port`.

    Raises:
        StackError: the service refuses.
    """
    try:
        with dial(target, "edge", tls) as channel:
            stub = IdentityServiceStub(channel)
            merchant = stub.CreateMerchant(identity.CreateMerchantRequest(display_name=DISPLAY_NAME), timeout=TIMEOUT)
            request = identity.CreateApiKeyRequest(merchant_id=merchant.merchant_id)
            key = stub.CreateApiKey(request, timeout=TIMEOUT)
    except grpc.RpcError as error:
        raise StackError(f"the demo merchant cannot be created: {error}") from error
    return Merchant(merchant.merchant_id, key.secret)
