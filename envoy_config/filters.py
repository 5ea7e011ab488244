"""Envoy's HTTP filters in their order: client, standing, identity, limits, size, translation, upstream."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from envoy_config.access_log import status_note
from envoy_config.config import Config, typed
from envoy_config.options import EnvoyOptions
from envoy_config.rate_limits import across_envoys, of_identities, of_one_provider, of_strangers, of_who_asks
from envoy_config.standing import of_nobody, of_senders, standing, unless_known
from envoy_config.webhook_sources import NAME, of_networks, webhook_sources
from mesh.rpc.headers import CHECK, CLIENT_ADDRESS, KEY_CHECK, MAX_BODY, MAX_WEBHOOK_BODY, SIGNATURE, WEBHOOK_PATH
from mesh.rpc.interceptors import IDEMPOTENCY_KEY
from mesh.rpc.routes import Route

ACCOUNT = "{provider_account_id}"
"""What the path of a merchant's own account has in it."""
_HEAD = "head"
_HEAD_SCRIPT = Path(__file__).resolve().parent.parent / "envoy" / "fragments" / "head.lua"


def of_merchants(route: Route) -> Config:
    """Return what differs for a merchant's request, by whether it has a body.

    One that has is checked in two steps, so that nobody's body is taken who has no key. The second takes it whole, and
    so limits it already.
    """
    if route.body:
        return {"buffer": typed("buffer.v3.BufferPerRoute", disabled=True)}
    return _asked_once()


def of_conversations() -> Config:
    """Return what differs where a merchant's client goes on sending while it is answered."""
    return _asked_once() | {
        "buffer": typed("buffer.v3.BufferPerRoute", disabled=True),
        "transcoder": typed("grpc_json_transcoder.v3.GrpcJsonTranscoder", proto_descriptor_bin="", services=[]),
    }


def _asked_once() -> Config:
    """Return what differs where no body is taken before a request is let through."""
    unread = {"disable_request_body_buffering": True}
    return {
        "key_check": typed("ext_authz.v3.ExtAuthzPerRoute", disabled=True),
        "ext_authz": typed("ext_authz.v3.ExtAuthzPerRoute", check_settings=unread),
    }


def of_providers(route: Route, options: EnvoyOptions) -> Config:
    """Return what differs for a provider's webhook: its signature is its key, and its limits are its own."""
    is_own = ACCOUNT in route.template
    per_second = options.account_webhooks_per_second if is_own else options.webhooks_per_second
    path = _set_header(WEBHOOK_PATH, "%PATH(NQ)%")
    return {
        "standing": of_senders(),
        "stranger_limit": of_strangers(options.stranger_webhooks_per_second),
        "key_check": typed("ext_authz.v3.ExtAuthzPerRoute", disabled=True),
        "ext_authz": typed("ext_authz.v3.ExtAuthzPerRoute", disabled=True),
        "buffer": typed("buffer.v3.BufferPerRoute", buffer={"max_request_bytes": MAX_WEBHOOK_BODY}),
        "client": typed("header_mutation.v3.HeaderMutationPerRoute", mutations={"request_mutations": [path]}),
        "rate_limit": of_one_provider(per_second),
        **of_networks(options.webhook_networks),
    }


def of_head() -> Config:
    """Return what differs for HEAD, beside what does for the GET that it is."""
    return {"head": typed("lua.v3.LuaPerRoute", name=_HEAD)}


def of_pages(limit: Config) -> Config:
    """Return what differs for pages, with the limit that they have: no key is asked for, nothing is translated."""
    return of_answer() | {"rate_limit": limit}


def of_answer() -> Config:
    """Return what differs where Envoy answers by itself: no key is asked for, nothing is translated."""
    return {
        "standing": of_nobody(),
        "key_check": typed("ext_authz.v3.ExtAuthzPerRoute", disabled=True),
        "ext_authz": typed("ext_authz.v3.ExtAuthzPerRoute", disabled=True),
        "transcoder": typed("grpc_json_transcoder.v3.GrpcJsonTranscoder", proto_descriptor_bin="", services=[]),
    }


def http_filters(routes: Sequence[Route], options: EnvoyOptions) -> list[Config]:
    """Return the filters that every request passes: nothing is kept of it before it is known whose it is."""
    return [
        {"name": "client", "typed_config": _client()},
        *([{"name": NAME, "typed_config": webhook_sources()}] if options.webhook_networks else []),
        {"name": "standing", "typed_config": standing(options.refused_requests_per_second)},
        {"name": "stranger_limit", "typed_config": of_who_asks(options)},
        {"name": "key_check", "typed_config": _key_check()},
        {"name": "ext_authz", "typed_config": _ext_authz()},
        {"name": "rate_limit", "typed_config": of_identities(options)},
        {"name": "buffer", "typed_config": typed("buffer.v3.Buffer", max_request_bytes=MAX_BODY)},
        *([{"name": "global_limit", "typed_config": across_envoys()}] if options.global_limit else []),
        {"name": "head", "typed_config": _head()},
        {"name": "transcoder", "typed_config": _transcoder(routes, options)},
        status_note(),
        {"name": "router", "typed_config": typed("router.v3.Router", suppress_envoy_headers=True)},
    ]


_DECIDING_HEADERS = ("authorization", "content-type", "x-request-id", IDEMPOTENCY_KEY, CLIENT_ADDRESS, SIGNATURE)


def _client() -> Config:
    """Say to who comes after where the client is: the address that Envoy resolves behind `trusted_hops` proxies.

    https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-for
    """
    address = _set_header(CLIENT_ADDRESS, "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")
    return typed("header_mutation.v3.HeaderMutation", mutations={"request_mutations": [address]})


def _set_header(name: str, value: str) -> Config:
    return {"append": {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}


def _key_check() -> Config:
    """Ask whose the key is before the body is taken, unless it was accepted lately."""
    return _asking_edge(KEY_CHECK) | {"filter_enabled_metadata": unless_known()}


def _ext_authz() -> Config:
    """Ask about the request as a whole: the body goes along as an unknown field of it is refused by name.

    One byte more than there may be is how the edge service sees that a body is too large. Envoy's own limit does not
    see it in what has come while the key was asked about.
    """
    whole = {"max_request_bytes": MAX_BODY + 1, "allow_partial_message": True, "pack_as_bytes": True}
    return _asking_edge() | {"with_request_body": whole}


def _asking_edge(check: str = "") -> Config:
    asked: Config = {"envoy_grpc": {"cluster_name": "edge"}, "timeout": "2s"}
    if check:
        asked["initial_metadata"] = [{"key": CHECK, "value": check}]
    return typed(
        "ext_authz.v3.ExtAuthz",
        transport_api_version="V3",
        grpc_service=asked,
        # what the answer depends on, and no more
        allowed_headers={"patterns": [{"exact": name} for name in _DECIDING_HEADERS]},
        failure_mode_allow=False,
        status_on_error={"code": "ServiceUnavailable"},
        clear_route_cache=False,
    )


def _head() -> Config:
    """Return the filter that answers HEAD; it does nothing but on the routes that name its script."""
    script = {_HEAD: {"inline_string": _HEAD_SCRIPT.read_text()}}
    # the route of GET, which the request would be given otherwise, does not name the script
    return typed("lua.v3.Lua", source_codes=script, clear_route_cache=False)


def _transcoder(routes: Sequence[Route], options: EnvoyOptions) -> Config:
    return typed(
        "grpc_json_transcoder.v3.GrpcJsonTranscoder",
        proto_descriptor=options.descriptors,
        services=list(dict.fromkeys(route.service for route in routes)),
        match_incoming_request_route=True,
        convert_grpc_status=True,
        case_insensitive_enum_parsing=True,
        # as forms and clients write a space
        query_param_unescape_plus=True,
        max_request_body_size=MAX_WEBHOOK_BODY,
        max_response_body_size=1 << 20,
        print_options={"preserve_proto_field_names": True, "always_print_primitive_fields": True},
        request_validation_options={
            "reject_unknown_method": True,
            "reject_unknown_query_parameters": True,
            "reject_binding_body_field_collisions": True,
        },
    )
