"""Certificates are changed while requests run: nothing is restarted, and nobody notices."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from stack.authority import PUBLIC, Authority
from stack.probes import admin_text
from stack.stack import Ready, Stack
from tests.chaos.test_audit_sink import more, ordering
from tests.support.merchant.api import Merchant
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("chaos")


def shown(gateway: Ready, address: str) -> bytes:
    """Return the certificate that the server at an address shows, in DER."""
    host, _, port = address.rpartition(":")
    context = ssl.create_default_context(cafile=gateway.ca_file)
    context.check_hostname = False
    context.load_cert_chain(gateway.operator_tls["cert"], gateway.operator_tls["key"])
    with socket.create_connection((host, int(port)), 5) as raw, context.wrap_socket(raw) as secure:
        found = secure.getpeercert(binary_form=True)
    assert found
    return found


@pytest.mark.slow
def test_all_certificates_are_changed_under_load(stack: Stack, merchant: Merchant) -> None:
    ready = stack.ready
    addresses = {**ready.services, PUBLIC: urlsplit(ready.edge_https_url).netloc}
    authority = Authority(Path(ready.ca_file).parent)
    pids = ready.pids
    with ordering(merchant) as answers:
        more(answers)
        authority.issue_all(renew=True)
        issued = {name: ssl.PEM_cert_to_DER_cert(authority.files(name).cert.read_text()) for name in addresses}
        eventually(lambda: {name: shown(ready, where) for name, where in addresses.items()} == issued)
        more(answers)
    assert set(answers.values()) == {200}
    # connections that are made after the change: the service comes back, and both who call it find it again
    stack.restart("order_svc")
    merchant.insist("/v1/orders", {"amount": {"value": "1.00", "currency": "EUR"}})
    merchant.charge(merchant.new_order()["order_id"])
    handshakes = admin_text(ready.envoy_admin, "/stats?filter=cluster.order.ssl.handshake")
    assert int(handshakes.split()[-1]) > 0
    assert {name: pid for name, pid in stack.ready.pids.items() if name != "order_svc"} == {
        name: pid for name, pid in pids.items() if name != "order_svc"
    }
