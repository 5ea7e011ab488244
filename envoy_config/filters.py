"""Envoy's HTTP filters in their order: client, size, identity, limits, translation, upstream."""

from __future__ import annotations

from collections.abc import Sequence

from envoy_config.access_log import status_note
from envoy_config.local_replies import Config
from envoy_config.options import EnvoyOptions
from mesh.rpc.headers import CLIENT_ADDRESS, KEY_KEY, SIGNATURE, WEBHOOK_PATH
from mesh.rpc.interceptors import MERCHANT_KEY
from mesh.rpc.routes import Route

TYPE = "type.googleapis.com/"
FILTERS = "envoy.extensions.filters.http"
MAX_BODY = 64 * 1024
MAX_WEBHOOK_BODY = 256 * 1024


def _typed(name: str, **values: object) -> Config:
    return {"@type": f"{TYPE}{FILTERS}.{name}", **values}


def _always(key: str) -> Config:
    return {"runtime_key": key, "default_value": {"numerator": 100, "denominator": "HUNDRED"}}


def of_merchants() -> Config:
    """Return what differs for a merchant's request: ext_authz takes the body whole, and so limits it already."""
    return {"buffer": _typed("buffer.v3.BufferPerRoute", disabled=True)}


def of_providers(gateway: EnvoyOptions) -> Config:
    """Return what differs for a provider's webhook: its signature is its key, and its limits are its own."""
    path = _set_header(WEBHOOK_PATH, "%PATH(NQ)%")
    return {
        "ext_authz": _typed("ext_authz.v3.ExtAuthzPerRoute", disabled=True),
        "buffer": _typed("buffer.v3.BufferPerRoute", buffer={"max_request_bytes": MAX_WEBHOOK_BODY}),
        "client": _typed("header_mutation.v3.HeaderMutationPerRoute", mutations={"request_mutations": [path]}),
        "rate_limit": _webhook_limit(gateway),
    }


def of_answer() -> Config:
    """Return what differs where Envoy answers by itself: no key is asked for, nothing is translated."""
    return {
        "ext_authz": _typed("ext_authz.v3.ExtAuthzPerRoute", disabled=True),
        "transcoder": _typed("grpc_json_transcoder.v3.GrpcJsonTranscoder", proto_descriptor_bin="", services=[]),
    }


def http_filters(routes: Sequence[Route], gateway: EnvoyOptions) -> list[Config]:
    """Return the filters that every request passes."""
    return [
        {"name": "client", "typed_config": _client()},
        {"name": "buffer", "typed_config": _typed("buffer.v3.Buffer", max_request_bytes=MAX_BODY)},
        {"name": "ext_authz", "typed_config": _ext_authz()},
        {"name": "rate_limit", "typed_config": _rate_limit(gateway)},
        *([{"name": "global_limit", "typed_config": _global_limit()}] if gateway.global_limit else []),
        {"name": "transcoder", "typed_config": _transcoder(routes, gateway)},
        status_note(),
        {"name": "router", "typed_config": _typed("router.v3.Router", suppress_envoy_headers=True)},
    ]


_DECIDING_HEADERS = ("authorization", "content-type", "x-request-id", CLIENT_ADDRESS, SIGNATURE)


def _client() -> Config:
    """Say to who comes after where the client is: the address that Envoy resolves behind `trusted_hops` proxies.

    https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-for
    """
    address = _set_header(CLIENT_ADDRESS, "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")
    return _typed("header_mutation.v3.HeaderMutation", mutations={"request_mutations": [address]})


def _set_header(name: str, value: str) -> Config:
    return {"append": {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}


def _ext_authz() -> Config:
    return _typed(
        "ext_authz.v3.ExtAuthz",
        transport_api_version="V3",
        grpc_service={"envoy_grpc": {"cluster_name": "edge"}, "timeout": "2s"},
        # the body goes along because a field that the contract does not know is refused by name
        with_request_body={"max_request_bytes": MAX_BODY, "pack_as_bytes": True},
        # what the answer depends on, and no more
        allowed_headers={"patterns": [{"exact": name} for name in _DECIDING_HEADERS]},
        failure_mode_allow=False,
        status_on_error={"code": "ServiceUnavailable"},
        clear_route_cache=False,
    )


def _rate_limit(gateway: EnvoyOptions) -> Config:
    """Limit each merchant, and each of its keys."""
    rates = {"merchant": gateway.requests_per_second, "key": gateway.key_requests_per_second}
    return _local_limit(
        "merchants",
        # the bucket of all together only bounds what this Envoy takes
        token_bucket={"max_tokens": 100_000, "tokens_per_fill": 100_000, "fill_interval": "1s"},
        rate_limits=_BY_IDENTITY,
        descriptors=[{"entries": [{"key": name}], "token_bucket": _bucket(rate)} for name, rate in rates.items()],
    )


def _webhook_limit(gateway: EnvoyOptions) -> Config:
    """Limit each provider by a bucket of its own: its burst must meet neither a merchant's limit nor another's."""
    rate = gateway.webhooks_per_second
    return _local_limit(
        "webhooks",
        # a caller can make up providers, and so buckets, but not more of all together than this
        token_bucket=_bucket(4 * rate),
        rate_limits=[{"actions": [_by_header(WEBHOOK_PATH, "provider")]}],
        descriptors=[{"entries": [{"key": "provider"}], "token_bucket": _bucket(rate)}],
    )


def _local_limit(name: str, **limits: object) -> Config:
    """Limit what one Envoy takes, and tell clients of it: status 429 (RFC 6585, section 4) and how much is left.

    https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-03
    """
    return _typed(
        "local_ratelimit.v3.LocalRateLimit",
        stat_prefix=name,
        filter_enabled=_always(f"{name}_enabled"),
        filter_enforced=_always(f"{name}_enforced"),
        max_dynamic_descriptors=50_000,
        enable_x_ratelimit_headers="DRAFT_VERSION_03",
        # a gRPC client reads RESOURCE_EXHAUSTED; UNAVAILABLE would have it try again at once
        rate_limited_as_resource_exhausted=True,
        response_headers_to_add=[
            {"header": {"key": "retry-after", "value": "1"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        ],
        **limits,
    )


def _global_limit() -> Config:
    """Ask the edge service, which counts for all Envoys together. Where it cannot answer, the request passes."""
    return _typed(
        "ratelimit.v3.RateLimit",
        domain="fusionxpay",
        timeout="0.1s",
        failure_mode_deny=False,
        rate_limited_as_resource_exhausted=True,
        rate_limit_service={
            "grpc_service": {"envoy_grpc": {"cluster_name": "edge"}},
            "transport_api_version": "V3",
        },
        rate_limits=_BY_IDENTITY,
    )


def _bucket(per_second: int) -> Config:
    return {"max_tokens": 2 * per_second, "tokens_per_fill": per_second, "fill_interval": "1s"}


def _by_header(header: str, name: str) -> Config:
    return {"request_headers": {"header_name": header, "descriptor_key": name}}


_BY_IDENTITY = [{"actions": [_by_header(MERCHANT_KEY, "merchant")]}, {"actions": [_by_header(KEY_KEY, "key")]}]


def _transcoder(routes: Sequence[Route], gateway: EnvoyOptions) -> Config:
    return _typed(
        "grpc_json_transcoder.v3.GrpcJsonTranscoder",
        proto_descriptor=gateway.descriptors,
        services=list(dict.fromkeys(route.service for route in routes)),
        match_incoming_request_route=True,
        convert_grpc_status=True,
        case_insensitive_enum_parsing=True,
        max_request_body_size=MAX_WEBHOOK_BODY,
        max_response_body_size=1 << 20,
        print_options={"preserve_proto_field_names": True, "always_print_primitive_fields": True},
        request_validation_options={
            "reject_unknown_method": True,
            "reject_unknown_query_parameters": True,
            "reject_binding_body_field_collisions": True,
        },
    )
