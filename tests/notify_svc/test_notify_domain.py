from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from notify_svc import domain
from notify_svc.domain import Attempt, UrlRefusedError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("url", ["https://shop.example/hooks", "https://shop.example:8443/?a=b", "https://8.8.8.8/"])
def test_public_https_url_is_taken(url: str):
    domain.check_url(url, allow_http=False)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/", "http://localhost/", "https://10.0.0.1/"])
def test_local_url_is_taken_in_development_alone(url: str):
    domain.check_url(url, allow_http=True)
    with pytest.raises(UrlRefusedError):
        domain.check_url(url, allow_http=False)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://192.168.1.1/",
        "https://service.internal/",
        "https://printer.local/",
        "https://localhost/",
    ],
)
def test_address_that_is_not_public_is_refused(url: str):
    with pytest.raises(UrlRefusedError, match="public"):
        domain.check_url(url, allow_http=False)


@pytest.mark.parametrize("allow_http", [True, False])
@pytest.mark.parametrize("url", ["ftp://shop.example/", "https:///hooks", "https://a:b@shop.example/", "shop", ""])
def test_url_that_is_none_is_refused_everywhere(url: str, allow_http: bool):
    with pytest.raises(UrlRefusedError):
        domain.check_url(url, allow_http=allow_http)


def test_attempts_become_rarer_and_end_after_about_a_day():
    times = [domain.next_attempt(attempts, NOW) for attempts in range(1, len(domain.RETRIES) + 1)]
    waits = [time - NOW for time in times if time]
    assert waits == sorted(waits) == list(domain.RETRIES)
    assert timedelta(hours=24) < sum(waits, timedelta()) < timedelta(hours=36)
    assert domain.next_attempt(len(domain.RETRIES) + 1, NOW) is None


@pytest.mark.parametrize(("status", "succeeded"), [(200, True), (204, True), (301, False), (404, False), (0, False)])
def test_delivery_succeeds_by_any_2xx_alone(status: int, succeeded: bool):
    assert Attempt(status, 1.0, "").succeeded is succeeded


def test_new_secret_is_one_that_the_public_library_takes():
    secret = domain.new_secret(secrets.token_bytes)
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 24
    assert Webhook(secret).sign("msg", NOW, "{}").startswith("v1,")
