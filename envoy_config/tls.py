"""Envoy's side of TLS: HTTPS for the public, mutual TLS to every service, and certificates that change while it runs.

Certificates come by SDS from files: Envoy reads them again when a file in their folder is replaced by a rename.
Sources: Envoy documentation, "TLS" and "Secret discovery service (SDS)"; RFC 6797 for HSTS.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from envoy_config.config import Config, dumped
from mesh.tls import TRUST_DOMAIN

TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
PEERS = {"order": "order_svc", "payment": "payment_svc", "notify": "notify_svc", "edge": "edge", "console": "console"}
"""The name that each upstream must have in its certificate."""
MESH, MESH_CA, PUBLIC = "mesh", "mesh_ca", "public"
HSTS = "max-age=31536000"
_MINIMUM = {"tls_minimum_protocol_version": "TLSv1_2"}


def secrets(folder: str) -> dict[str, str]:
    """Return the SDS files by name: the certificate for the mesh, its CA, and the certificate for the public.

    `folder` holds `envoy/` and `public/`, each with `cert.pem` and `key.pem`, and in the first `ca.pem`.
    """
    root = PurePosixPath(folder)
    ca = {"trusted_ca": {"filename": str(root / "envoy" / "ca.pem")}, "watched_directory": _watched(root / "envoy")}
    found = {
        MESH: {"tls_certificate": _certificate(root / "envoy")},
        MESH_CA: {"validation_context": ca},
        PUBLIC: {"tls_certificate": _certificate(root / "public")},
    }
    return {f"{name}.yaml": _resource(name, secret) for name, secret in found.items()}


def _certificate(folder: PurePosixPath) -> Config:
    return {
        "certificate_chain": {"filename": str(folder / "cert.pem")},
        "private_key": {"filename": str(folder / "key.pem")},
        "watched_directory": _watched(folder),
    }


def _watched(folder: PurePosixPath) -> Config:
    return {"path": str(folder)}


def _resource(name: str, secret: Config) -> str:
    resource = {"@type": f"{TYPE}Secret", "name": name, **secret}
    return dumped({"resources": [resource]})


def _sds(name: str, folder: str) -> Config:
    source = {"path_config_source": {"path": f"{folder}/{name}.yaml"}, "resource_api_version": "V3"}
    return {"name": name, "sds_config": source}


def to_upstream(upstream: str, sds_folder: str, protocol: str = "h2") -> Config:
    """Return the transport socket to a service: who does not have exactly its name is not spoken to."""
    peer = PEERS[upstream]
    match = [{"san_type": "URI", "matcher": {"exact": TRUST_DOMAIN + peer}}]
    return {
        "name": "tls",
        "typed_config": {
            "@type": f"{TYPE}UpstreamTlsContext",
            "sni": peer,
            "common_tls_context": {
                "tls_params": _MINIMUM,
                "alpn_protocols": [protocol],
                "tls_certificate_sds_secret_configs": [_sds(MESH, sds_folder)],
                "combined_validation_context": {
                    "default_validation_context": {"match_typed_subject_alt_names": match},
                    "validation_context_sds_secret_config": _sds(MESH_CA, sds_folder),
                },
            },
        },
    }


def from_public(sds_folder: str) -> Config:
    """Return the transport socket of the public HTTPS listener."""
    return {
        "name": "tls",
        "typed_config": {
            "@type": f"{TYPE}DownstreamTlsContext",
            "common_tls_context": {
                "tls_params": _MINIMUM,
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificate_sds_secret_configs": [_sds(PUBLIC, sds_folder)],
            },
            # a session that is resumed would outlive the certificate it began with
            "disable_stateless_session_resumption": True,
        },
    }


def with_hsts(routes: Config) -> Config:
    """Return a route configuration whose answers have browsers use HTTPS only (HSTS)."""
    header = {"header": {"key": "strict-transport-security", "value": HSTS}}
    return {**routes, "response_headers_to_add": [{**header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]}
