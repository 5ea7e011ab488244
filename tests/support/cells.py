"""Two cells of this machine behind one address, with the provider that both charge."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from cryptography.fernet import Fernet

from stack.layout import COMPONENTS
from stack.operate.front import Front
from stack.ports import HOST, Ports
from stack.settings import StackSettings
from stack.stack import Ready, Stack
from tests.support.stack.options import QUICK

STRIPE = {"API_KEY": "sk_test_of_both_cells", "WEBHOOK_SECRET": "whsec_" + "c2VjcmV0" * 4}
SEALING = ("payment_svc", "notify_svc", "edge")


@dataclass(frozen=True)
class TwoCells:
    """Both, and where they are reached by one address."""

    first: Ready
    second: Ready
    url: str


@contextmanager
def two_cells() -> Iterator[TwoCells]:
    """Run two cells and an edge before them. The second can read what the first has sealed."""
    with ExitStack() as undo:
        with Ports() as ports:
            port = ports.take()
        keys = [Fernet.generate_key().decode() for _ in range(2)]
        stripe = {f"SANDBOX_STRIPE_{name}": value for name, value in STRIPE.items()}
        webhooks = {"SANDBOX_STRIPE_WEBHOOK_URL": f"http://{HOST}:{port}/v1/webhooks/stripe"}
        first = undo.enter_context(_cell(keys[0], COMPONENTS, {}, sandbox=stripe | webhooks)).ready
        others = [name for name in COMPONENTS if name != "sandbox"]
        base = {"FUSIONXPAY_STRIPE_API_BASE": first.sandbox_url}
        second = undo.enter_context(_cell(f"{keys[1]},{keys[0]}", others, base, sandbox={})).ready
        cells = {"first": first, "second": second}
        known = ",".join(f"{name}={ready.database_urls['identity']}" for name, ready in cells.items())
        asked = undo.enter_context(
            Stack(StackSettings(durable=False, service_env={"edge": {"FUSIONXPAY_CELLS": known}}), ["postgres", "edge"])
        ).ready
        yield TwoCells(first, second, undo.enter_context(Front(cells, asked, port)).url)


def _cell(keys: str, components: object, stripe: dict[str, str], *, sandbox: dict[str, str]) -> Stack:
    env = {name: dict(values) for name, values in QUICK.items()}
    for service in SEALING:
        env[service] |= {"FUSIONXPAY_SECRET_KEYS": keys}
    env["payment_svc"] |= {f"FUSIONXPAY_STRIPE_{name}": value for name, value in STRIPE.items()} | stripe
    env["sandbox"] |= sandbox
    settings = StackSettings(durable=False, movable=True, trusted_hops=1, service_env=env)
    return Stack(settings, components)  # type: ignore[arg-type]
