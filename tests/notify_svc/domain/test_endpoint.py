from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mesh.errors import ApiError
from notify_svc.contract import event_types
from notify_svc.contract.event_types import PUBLIC_TYPES
from notify_svc.domain import endpoint as endpoint_domain
from notify_svc.domain.addresses import networks
from notify_svc.domain.endpoint import UrlRefusedError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOOPBACK = networks("127.0.0.0/8, ::1/128")


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/hooks",
        "https://shop.example:8443/?a=b",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
        "https://xn--bcher-kva.example/",
        "https://1password.example/",
    ],
)
def test_public_https_url_is_taken(url: str) -> None:
    endpoint_domain.check_url(url, allow_http=False)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://192.168.1.1/",
        "https://service.internal/",
        "https://printer.local/",
        "https://localhost/",
        "https://localhost./",
        "https://LOCALHOST/",
    ],
)
def test_address_that_is_not_public_is_refused(url: str) -> None:
    with pytest.raises(UrlRefusedError, match="public"):
        endpoint_domain.check_url(url, allow_http=True)


def test_allowed_network_lets_its_own_addresses_through_and_no_others() -> None:
    for url in ("https://127.0.0.1/", "https://[::1]/", "https://localhost/"):
        endpoint_domain.check_url(url, allow_http=False, allowed=LOOPBACK)
    with pytest.raises(UrlRefusedError, match="private"):
        endpoint_domain.check_url("https://10.0.0.1/", allow_http=False, allowed=LOOPBACK)


def test_http_is_taken_where_it_is_allowed_alone() -> None:
    endpoint_domain.check_url("http://shop.example/", allow_http=True)
    with pytest.raises(UrlRefusedError, match="https"):
        endpoint_domain.check_url("http://shop.example/", allow_http=False)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1.5", "0x7f.1", "1.2.3"])
def test_number_that_only_some_read_as_an_address_is_refused(host: str) -> None:
    with pytest.raises(UrlRefusedError, match="four decimal numbers"):
        endpoint_domain.check_url(f"https://{host}/", allow_http=False, allowed=LOOPBACK)


@pytest.mark.parametrize("allow_http", [True, False])
@pytest.mark.parametrize(
    "url",
    [
        "ftp://shop.example/",
        "https:///hooks",
        "https://a:b@shop.example/",
        "https://@shop.example/",
        "https://shop.example:0/",
        "https://shop.example:99999/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://shop.example/" + "x" * 2048,
        "shop",
        "",
    ],
)
def test_url_that_is_none_is_refused_everywhere(url: str, allow_http: bool) -> None:
    with pytest.raises(UrlRefusedError):
        endpoint_domain.check_url(url, allow_http=allow_http, allowed=LOOPBACK)


@pytest.mark.parametrize(
    ("filters", "taken"),
    [
        (["*"], {"order.created", "payment.created"}),
        (["order.*"], {"order.created"}),
        (["payment.created"], {"payment.created"}),
        (["payment.*", "order.created"], {"order.created", "payment.created"}),
        (["refund.*"], set()),
    ],
)
def test_filters_choose_events(filters: list[str], taken: set[str]) -> None:
    assert {each for each in ("order.created", "payment.created") if endpoint_domain.takes(filters, each)} == taken


@pytest.mark.parametrize("event_filter", ["*", "order.*", *PUBLIC_TYPES])
def test_filter_that_is_known_is_taken(event_filter: str) -> None:
    event_types.check_filters([event_filter])


@pytest.mark.parametrize(
    ("event_filter", "nearest"),
    [
        ("order.succeded", "order.succeeded"),
        ("orders.*", "order.*"),
        ("ORDER_CREATED", "order.created"),
        ("payment.success", "payment.succeeded"),
    ],
)
def test_unknown_filter_is_told_the_nearest(event_filter: str, nearest: str) -> None:
    with pytest.raises(ApiError) as refused:
        event_types.check_filters(["order.created", event_filter])
    assert refused.value.reason == "EVENT_TYPE_UNKNOWN"
    (violation,) = refused.value.violations
    assert violation.field == "event_types[1]"
    assert nearest in violation.description


@pytest.mark.parametrize("event_filter", ["order", "order.", "*.created", "or*", "**", ".*", "nothing like it"])
def test_pattern_of_another_kind_is_no_filter(event_filter: str) -> None:
    with pytest.raises(ApiError):
        event_types.check_filters([event_filter])


@pytest.mark.parametrize(("allow_http", "meant"), [(True, "http"), (False, "https")])
def test_url_without_its_scheme_is_shown_with_it(allow_http: bool, meant: str) -> None:
    with pytest.raises(UrlRefusedError, match=f'did you mean "{meant}://localhost:3000/hook"'):
        endpoint_domain.check_url("localhost:3000/hook", allow_http=allow_http)


def test_endpoint_is_called_what_merchants_know_it_as() -> None:
    words = {kind.name: kind.resource for kind in endpoint_domain.Kind}
    channel = "notification channel"
    assert words == {"WEBHOOK": "webhook endpoint", "EMAIL": channel, "PUSH": channel}
