"""The proxies that tests put before servers."""

from __future__ import annotations

import socket

from stack.ports import HOST, Ports
from tests.support.net.cutting import cutting


def test_an_address_stays_while_the_server_behind_it_changes() -> None:
    with Ports() as ports, socket.create_server((HOST, 0)) as server, cutting(f"{HOST}:{ports.take()}") as proxy:
        here = (HOST, int(proxy.url.rpartition(":")[2]))
        with socket.create_connection(here, timeout=60) as client:
            # nobody is there
            assert client.recv(1) == b""
        proxy.forward_to(f"{HOST}:{server.getsockname()[1]}")
        with socket.create_connection(here, timeout=60) as client:
            client.sendall(b"x")
            taken, _ = server.accept()
            with taken:
                assert taken.recv(1) == b"x"
