"""Fixtures: the real sandbox process, driven by the official SDK, with a receiver for its webhooks."""

import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.sandbox.bank_transfer.harness import Bank
from tests.sandbox.harness import Receiver, Sandbox, free_port, handler_for
from tests.sandbox.paypal.harness import Paypal
from tests.support.providers.stripe_params import intent_params


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    holder: list[Receiver] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    holder.append(Receiver(server.server_address[1]))
    server.RequestHandlerClass = handler_for(holder[0])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield holder[0]
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Sandbox]:
    """The sandbox that all tests of a worker share."""
    running = Sandbox(free_port(), tmp_path_factory.mktemp("sandbox"), receiver.url)
    running.start()
    yield running
    assert running.stop() == 0, running.log
    assert "Traceback" not in running.log, running.log


@pytest.fixture
def own_sandbox(tmp_path: Path, receiver: Receiver) -> Iterator[Sandbox]:
    """A sandbox that the test may kill."""
    running = Sandbox(free_port(), tmp_path, receiver.url)
    running.start()
    yield running
    running.stop(signal.SIGKILL)


@pytest.fixture
def client(sandbox: Sandbox) -> stripe.StripeClient:
    return sandbox.client()


@pytest.fixture
def order_id() -> str:
    """An order nobody else uses: faults and filters of parallel tests do not meet."""
    return f"order-{uuid.uuid4()}"


@pytest.fixture(scope="session")
def paypal_token(sandbox: Sandbox) -> str:
    return Paypal.log_in(sandbox)


@pytest.fixture
def paypal(sandbox: Sandbox, paypal_token: str, order_id: str) -> Iterator[Paypal]:
    """A merchant's server that talks to PayPal about this test's order."""
    with Paypal.session(sandbox, paypal_token) as http:
        yield Paypal(sandbox, http, order_id)


@pytest.fixture
def bank(sandbox: Sandbox, order_id: str) -> Iterator[Bank]:
    """A merchant's server that talks to the bank about this test's order."""
    with Bank.session(sandbox) as http:
        yield Bank(sandbox, http, order_id)


@pytest.fixture
def pay(client: stripe.StripeClient, order_id: str) -> Callable[..., stripe.PaymentIntent]:
    """Create and confirm a PaymentIntent for this test's order."""

    def create(method: str = "pm_card_visa", amount: int = 1000, **more: Any) -> stripe.PaymentIntent:
        fields = {"amount": amount, "payment_method": method, "confirm": True, "metadata": {"order_id": order_id}}
        return client.v1.payment_intents.create(intent_params(**fields | more))

    return create
