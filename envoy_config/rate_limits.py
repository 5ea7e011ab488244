"""One Envoy's token buckets, of addresses, merchants, keys and providers, and the question about all Envoys.

The rates are in `options.py`; what all Envoys take together is counted in `edge/api/global_rate_limit.py`.
"""

from __future__ import annotations

from envoy_config.config import Config, typed
from envoy_config.options import EnvoyOptions
from envoy_config.standing import KNOWN, REFUSED, STANDING, STRANGER
from mesh.rpc.headers import KEY_KEY, WEBHOOK_PATH
from mesh.rpc.interceptors import MERCHANT_KEY

LISTS_PART = 10
"""A merchant's limit of lists is one in so many of its requests: as much more is what a long page costs."""
KIND, LIST = "kind", "list"
ROUTES = "fusionxpay"
"""Where Envoy keeps what we say of a route."""


def of_identities(options: EnvoyOptions) -> Config:
    """Limit each merchant, each of its keys, and its lists: what one asks for takes no other's turn at this Envoy."""
    rates = {"merchant": options.requests_per_second, "key": options.key_requests_per_second}
    of_lists = {
        "entries": [{"key": "merchant"}, {"key": KIND, "value": LIST}],
        "token_bucket": _bucket(max(1, options.requests_per_second // LISTS_PART)),
    }
    each = [{"entries": [{"key": name}], "token_bucket": _bucket(rate)} for name, rate in rates.items()]
    return _local_limit(
        "merchants",
        token_bucket=_UNBOUND,
        rate_limits=[*_BY_IDENTITY, {"actions": [_by_header(MERCHANT_KEY, "merchant"), _OF_ROUTE]}],
        descriptors=[*each, of_lists],
    )


def noted_list() -> Config:
    """Return what a route says of itself that leads to a list."""
    return {"metadata": {"filter_metadata": {ROUTES: {KIND: LIST}}}}


def of_strangers(per_second: int) -> Config:
    """Limit what one address may send before anybody has accepted something of it: it costs no more than this.

    Who is known, by its key or as a sender of webhooks, shares no bucket with its neighbours at that address.
    """
    return _local_limit(
        "strangers",
        # what a client may plan with is its own limit
        told=False,
        token_bucket=_UNBOUND,
        rate_limits=[{"actions": [_noted("standing", "is"), _ADDRESS]}],
        descriptors=[_stranger(per_second)],
    )


def of_who_asks(options: EnvoyOptions) -> Config:
    """Limit what the edge service is asked about: of strangers by address, of others by key.

    It is asked about what it refuses, and about what is over a key's own limit, and either is beyond `of_identities`.
    """
    rates = {KNOWN: 2 * options.key_requests_per_second, REFUSED: options.refused_requests_per_second}
    return of_strangers(options.stranger_requests_per_second) | {
        "rate_limits": [{"actions": [_noted("standing", "is"), then]} for then in (_ADDRESS, _noted("who", "who"))],
        "descriptors": [
            _stranger(options.stranger_requests_per_second),
            *(
                {"entries": [{"key": "standing", "value": name}, {"key": "who"}], "token_bucket": _bucket(rate)}
                for name, rate in rates.items()
            ),
        ],
    }


def _stranger(per_second: int) -> Config:
    return {
        "entries": [{"key": "standing", "value": STRANGER}, {"key": "masked_remote_address"}],
        "token_bucket": _bucket(per_second, burst=5),
    }


def _noted(name: str, key: str) -> Config:
    """Return the action that takes what the script has noted of a request."""
    return {"metadata": {"descriptor_key": name, "metadata_key": {"key": STANDING, "path": [{"key": key}]}}}


def of_one_provider(per_second: int) -> Config:
    """Limit each provider's, or account's, webhooks from each address: none takes anything from what another may."""
    return _local_limit(
        "webhooks",
        token_bucket=_UNBOUND,
        rate_limits=[{"actions": [_by_header(WEBHOOK_PATH, "provider"), {"remote_address": {}}]}],
        descriptors=[
            {
                "entries": [{"key": "provider"}, {"key": "remote_address"}],
                "token_bucket": _bucket(per_second),
            }
        ],
    )


def of_console(options: EnvoyOptions) -> Config:
    """Limit what one address asks of the console, where each login costs a core for a while."""
    return _of_pages("console", options.console_requests_per_second)


def of_docs(options: EnvoyOptions) -> Config:
    """Limit what one address asks of the documentation, which takes nothing from what it may of the console."""
    return _of_pages("docs", options.console_requests_per_second)


def of_links(options: EnvoyOptions) -> Config:
    """Limit what one address asks of payment links: who guesses, or takes uses, gets no further than this."""
    return _of_pages("links", options.link_requests_per_second)


def _of_pages(name: str, per_second: int) -> Config:
    return _local_limit(
        name,
        told=False,
        token_bucket=_UNBOUND,
        rate_limits=[{"actions": [_ADDRESS]}],
        descriptors=[
            {
                "entries": [{"key": "masked_remote_address"}],
                "token_bucket": _bucket(per_second, burst=10),
            }
        ],
    )


def across_envoys() -> Config:
    """Ask the edge service, which counts for all Envoys together. Where it cannot answer, the request passes."""
    return typed(
        "ratelimit.v3.RateLimit",
        domain="fusionxpay",
        # longer than the edge waits for Redis, twice
        timeout="2.5s",
        failure_mode_deny=False,
        rate_limited_as_resource_exhausted=True,
        rate_limit_service={
            "grpc_service": {"envoy_grpc": {"cluster_name": "edge"}},
            "transport_api_version": "V3",
        },
        rate_limits=_BY_IDENTITY,
    )


def _local_limit(name: str, *, told: bool = True, **limits: object) -> Config:
    """Limit what one Envoy takes, and answer with status 429 (RFC 6585, section 4) and, if `told`, how much is left.

    https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-03
    """
    return typed(
        "local_ratelimit.v3.LocalRateLimit",
        stat_prefix=name,
        filter_enabled=_always(f"{name}_enabled"),
        filter_enforced=_always(f"{name}_enforced"),
        max_dynamic_descriptors=50_000,
        enable_x_ratelimit_headers="DRAFT_VERSION_03" if told else "OFF",
        # a gRPC client reads RESOURCE_EXHAUSTED; UNAVAILABLE would have it try again at once
        rate_limited_as_resource_exhausted=True,
        response_headers_to_add=[
            {"header": {"key": "retry-after", "value": "1"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        ],
        **limits,
    )


def _bucket(per_second: int, burst: int = 2) -> Config:
    return {"max_tokens": burst * per_second, "tokens_per_fill": per_second, "fill_interval": "1s"}


# of IPv6, a customer has a /64 at least: its single addresses are without number
_ADDRESS = {"masked_remote_address": {"v4_prefix_mask_len": 32, "v6_prefix_mask_len": 64}}
_UNBOUND = {"max_tokens": 100_000, "tokens_per_fill": 100_000, "fill_interval": "1s"}
"""The bucket of all together: it only bounds what this Envoy takes."""


def _by_header(header: str, name: str) -> Config:
    return {"request_headers": {"header_name": header, "descriptor_key": name}}


_BY_IDENTITY = [{"actions": [_by_header(MERCHANT_KEY, "merchant")]}, {"actions": [_by_header(KEY_KEY, "key")]}]


_OF_ROUTE = {
    "metadata": {
        "descriptor_key": KIND,
        "metadata_key": {"key": ROUTES, "path": [{"key": KIND}]},
        "source": "ROUTE_ENTRY",
    }
}
"""The action that takes what a route says of itself: where it says nothing, there is no such limit."""


def _always(key: str) -> Config:
    return {"runtime_key": key, "default_value": {"numerator": 100, "denominator": "HUNDRED"}}
