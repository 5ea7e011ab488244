"""Envoy's HTTP filters in their order: client, size, identity, limits, translation, upstream."""

from __future__ import annotations

from collections.abc import Sequence

from envoy_config.access_log import status_note
from envoy_config.config import Config, typed
from envoy_config.options import EnvoyOptions
from envoy_config.rate_limits import across_envoys, of_identities, of_one_provider
from mesh.rpc.headers import CLIENT_ADDRESS, SIGNATURE, WEBHOOK_PATH
from mesh.rpc.routes import Route

MAX_BODY = 64 * 1024
MAX_WEBHOOK_BODY = 256 * 1024


def of_merchants() -> Config:
    """Return what differs for a merchant's request: ext_authz takes the body whole, and so limits it already."""
    return {"buffer": typed("buffer.v3.BufferPerRoute", disabled=True)}


def of_providers(options: EnvoyOptions) -> Config:
    """Return what differs for a provider's webhook: its signature is its key, and its limits are its own."""
    path = _set_header(WEBHOOK_PATH, "%PATH(NQ)%")
    return {
        "ext_authz": typed("ext_authz.v3.ExtAuthzPerRoute", disabled=True),
        "buffer": typed("buffer.v3.BufferPerRoute", buffer={"max_request_bytes": MAX_WEBHOOK_BODY}),
        "client": typed("header_mutation.v3.HeaderMutationPerRoute", mutations={"request_mutations": [path]}),
        "rate_limit": of_one_provider(options),
    }


def of_answer() -> Config:
    """Return what differs where Envoy answers by itself: no key is asked for, nothing is translated."""
    return {
        "ext_authz": typed("ext_authz.v3.ExtAuthzPerRoute", disabled=True),
        "transcoder": typed("grpc_json_transcoder.v3.GrpcJsonTranscoder", proto_descriptor_bin="", services=[]),
    }


def http_filters(routes: Sequence[Route], options: EnvoyOptions) -> list[Config]:
    """Return the filters that every request passes."""
    return [
        {"name": "client", "typed_config": _client()},
        {"name": "buffer", "typed_config": typed("buffer.v3.Buffer", max_request_bytes=MAX_BODY)},
        {"name": "ext_authz", "typed_config": _ext_authz()},
        {"name": "rate_limit", "typed_config": of_identities(options)},
        *([{"name": "global_limit", "typed_config": across_envoys()}] if options.global_limit else []),
        {"name": "transcoder", "typed_config": _transcoder(routes, options)},
        status_note(),
        {"name": "router", "typed_config": typed("router.v3.Router", suppress_envoy_headers=True)},
    ]


_DECIDING_HEADERS = ("authorization", "content-type", "x-request-id", CLIENT_ADDRESS, SIGNATURE)


def _client() -> Config:
    """Say to who comes after where the client is: the address that Envoy resolves behind `trusted_hops` proxies.

    https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-for
    """
    address = _set_header(CLIENT_ADDRESS, "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")
    return typed("header_mutation.v3.HeaderMutation", mutations={"request_mutations": [address]})


def _set_header(name: str, value: str) -> Config:
    return {"append": {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}


def _ext_authz() -> Config:
    return typed(
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


def _transcoder(routes: Sequence[Route], options: EnvoyOptions) -> Config:
    return typed(
        "grpc_json_transcoder.v3.GrpcJsonTranscoder",
        proto_descriptor=options.descriptors,
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
