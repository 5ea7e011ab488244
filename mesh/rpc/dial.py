"""How the command line reaches a service of the mesh: as `operator`, with a certificate where the mesh has them."""

from __future__ import annotations

import os
from pathlib import Path

import grpc

from mesh.tls import TlsFiles, client_credentials, name_override, read

NO_PROXY = ("grpc.enable_http_proxy", 0)
"""No call inside the mesh goes through a proxy, whatever the environment says."""
VARIABLES = {
    "cert": "FUSIONXPAY_TLS_CERT_FILE",
    "key": "FUSIONXPAY_TLS_KEY_FILE",
    "ca": "FUSIONXPAY_TLS_CA_FILE",
}


def dial(target: str, service: str, tls: TlsFiles | None) -> grpc.Channel:
    """Open a channel to `host:port`, where the named service must be.

    Raises OSError or ValueError when a certificate cannot be read.
    """
    # a pool of its own: gRPC would give a server that has gone away a second before it looks again
    options: list[tuple[str, str | int]] = [("grpc.use_local_subchannel_pool", 1), NO_PROXY]
    if tls is None:
        return grpc.insecure_channel(target, options=options)
    return grpc.secure_channel(target, client_credentials(read(tls)), options=[*options, name_override(service)])


def tls_of(files: dict[str, str]) -> TlsFiles | None:
    """Return the files that a ready file names; None where it names none."""
    return TlsFiles(Path(files["cert"]), Path(files["key"]), Path(files["ca"])) if files else None


def tls_of_environment() -> TlsFiles | None:
    """Return the files that `FUSIONXPAY_TLS_*` name; None where not all of them are set."""
    named = {name: os.environ.get(variable, "") for name, variable in VARIABLES.items()}
    return tls_of(named) if all(named.values()) else None
