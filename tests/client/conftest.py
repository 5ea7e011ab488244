"""Both clients, for tests that hold for both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.merchant.client_package import NewClient, clients_of
from tests.support.net.cutting import CuttingProxy, cutting


@pytest.fixture(params=["sync", "async"])
def new_client(request: pytest.FixtureRequest) -> Iterator[NewClient]:
    """Make clients of a kind."""
    with clients_of(request.param) as make:
        yield make


@pytest.fixture
def client(new_client: NewClient, gateway: Ready, merchant: Merchant) -> Any:
    """The merchant's client."""
    return new_client(merchant.secret, gateway.edge_url)


@pytest.fixture
def proxy(gateway: Ready) -> Iterator[CuttingProxy]:
    """A proxy before the front door."""
    with cutting(gateway.edge_grpc) as proxy:
        yield proxy
