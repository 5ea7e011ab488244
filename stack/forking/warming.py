"""What libraries do at their first use, at the start of each process of ours: done before the fork, it is shared."""

from __future__ import annotations

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from mesh.runtime_metrics import release
from mesh.settings import ServiceSettings


def warm_up() -> None:
    """Use them, and keep nothing."""
    key = ec.generate_private_key(ec.SECP256R1())
    load_pem_private_key(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), None).public_key()
    httpx.create_ssl_context(trust_env=False)
    ServiceSettings(database_url="postgresql://localhost/none")
    release()
