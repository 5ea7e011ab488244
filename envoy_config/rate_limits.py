"""The rate limits of one Envoy: token buckets of merchants, keys and providers, and the question about all Envoys.

The rates are in `options.py`; what all Envoys take together is counted in `edge/api/global_rate_limit.py`.
"""

from __future__ import annotations

from envoy_config.config import Config, typed
from envoy_config.options import EnvoyOptions
from mesh.rpc.headers import KEY_KEY, WEBHOOK_PATH
from mesh.rpc.interceptors import MERCHANT_KEY


def of_identities(options: EnvoyOptions) -> Config:
    """Limit each merchant, and each of its keys."""
    rates = {"merchant": options.requests_per_second, "key": options.key_requests_per_second}
    return _local_limit(
        "merchants",
        # the bucket of all together only bounds what this Envoy takes
        token_bucket={"max_tokens": 100_000, "tokens_per_fill": 100_000, "fill_interval": "1s"},
        rate_limits=_BY_IDENTITY,
        descriptors=[{"entries": [{"key": name}], "token_bucket": _bucket(rate)} for name, rate in rates.items()],
    )


def of_one_provider(options: EnvoyOptions) -> Config:
    """Limit each provider by a bucket of its own: its burst must meet neither a merchant's limit nor another's."""
    rate = options.webhooks_per_second
    return _local_limit(
        "webhooks",
        # a caller can make up providers, and so buckets, but not more of all together than this
        token_bucket=_bucket(4 * rate),
        rate_limits=[{"actions": [_by_header(WEBHOOK_PATH, "provider")]}],
        descriptors=[{"entries": [{"key": "provider"}], "token_bucket": _bucket(rate)}],
    )


def across_envoys() -> Config:
    """Ask the edge service, which counts for all Envoys together. Where it cannot answer, the request passes."""
    return typed(
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


def _local_limit(name: str, **limits: object) -> Config:
    """Limit what one Envoy takes, and answer with status 429 (RFC 6585, section 4) and how much is left.

    https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-03
    """
    return typed(
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


def _bucket(per_second: int) -> Config:
    return {"max_tokens": 2 * per_second, "tokens_per_fill": per_second, "fill_interval": "1s"}


def _by_header(header: str, name: str) -> Config:
    return {"request_headers": {"header_name": header, "descriptor_key": name}}


_BY_IDENTITY = [{"actions": [_by_header(MERCHANT_KEY, "merchant")]}, {"actions": [_by_header(KEY_KEY, "key")]}]


def _always(key: str) -> Config:
    return {"runtime_key": key, "default_value": {"numerator": 100, "denominator": "HUNDRED"}}
