"""Channels to the services of the stack, as its operator has them."""

from __future__ import annotations

import grpc

from mesh.rpc.dial import VARIABLES, dial, tls_of
from stack.stack import Ready


def dial_service(gateway: Ready, service: str) -> grpc.Channel:
    """Open a channel to a service."""
    return dial(gateway.services[service], service, tls_of(gateway.operator_tls))


def operator_environment(gateway: Ready) -> dict[str, str]:
    """Return the environment that makes the command line the operator of the stack."""
    return {VARIABLES[name]: path for name, path in gateway.operator_tls.items()}
