from __future__ import annotations

import socket

import pytest

from stack.ports import HOST, Ports
from stack.process import StackError


def test_stacks_never_share_a_port() -> None:
    with Ports() as one, Ports() as other:
        taken = [ports.take() for _ in range(100) for ports in (one, other)]
    assert len(set(taken)) == 200


def test_port_of_another_stack_is_refused_though_its_server_is_down() -> None:
    with Ports() as one, Ports() as other:
        port = one.take()
        with pytest.raises(StackError, match=f"port {port} of 127.0.0.1 is in use"):
            other.take(port)


def test_port_with_a_server_is_refused() -> None:
    with socket.create_server((HOST, 0)) as server, Ports() as ports:
        port = server.getsockname()[1]
        with pytest.raises(StackError, match="in use"):
            ports.take(port)


def test_held_port_is_free_for_the_server_itself() -> None:
    with Ports() as ports:
        socket.create_server((HOST, ports.take())).close()


def test_port_is_given_back_at_the_end() -> None:
    with Ports() as one:
        port = one.take()
    with Ports() as other:
        assert other.take(port) == port
