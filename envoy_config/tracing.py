"""Envoy's spans: where a trace begins, unless its client's does. By OTLP over gRPC, like those of the services.

What a client says of sampling is not heeded, or the operator would pay for whatever clients ask for. No span has a path
or a query, which may hold anything: it is called as its route is. Source: Envoy documentation, "Tracing".
"""

from __future__ import annotations

from urllib.parse import urlsplit

from envoy_config.config import TYPE, Config
from envoy_config.options import EnvoyOptions

CLUSTER = "otlp"
_MILLION = 1_000_000
_SAMPLER = f"{TYPE}envoy.extensions.tracers.opentelemetry.samplers.v3.TraceIdRatioBasedSamplerConfig"


def tracing(options: EnvoyOptions) -> Config:
    """Return how requests are traced."""
    part = {"numerator": round(options.trace_part * _MILLION), "denominator": "MILLION"}
    return {
        "provider": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": {
                "@type": f"{TYPE}envoy.config.trace.v3.OpenTelemetryConfig",
                "grpc_service": {"envoy_grpc": {"cluster_name": CLUSTER}, "timeout": "1s"},
                "service_name": "envoy",
                "sampler": {
                    "name": "envoy.tracers.opentelemetry.samplers.trace_id_ratio_based",
                    "typed_config": {"@type": _SAMPLER, "sampling_percentage": part},
                },
            },
        },
        "operation": "%ROUTE_NAME%",
        "max_path_tag_length": 0,
    }


def collector(options: EnvoyOptions) -> Config:
    """Return the cluster that spans go to."""
    url = urlsplit(options.otlp_endpoint)
    socket = {"address": url.hostname, "port_value": url.port or 4317}
    cluster: Config = {
        "name": CLUSTER,
        "type": "STRICT_DNS",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": socket}}}]}],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{TYPE}envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
    }
    if url.scheme == "https":
        tls = {
            "@type": f"{TYPE}envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": url.hostname,
            "auto_sni_san_validation": True,
            "common_tls_context": {
                "validation_context": {"trusted_ca": {"filename": "/etc/ssl/certs/ca-certificates.crt"}}
            },
        }
        cluster["transport_socket"] = {"name": "tls", "typed_config": tls}
    return cluster
