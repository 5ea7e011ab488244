"""How values look to people: names of providers, causes and browsers, and what is left of a refusal."""

from __future__ import annotations

import pytest

from console.api import formats
from console.api.web import templates

LINUX = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (LINUX, "Chrome on Linux"),
        (f"{LINUX} Edg/140.0.0.0".replace("X11; Linux x86_64", "Windows NT 10.0; Win64; x64"), "Edge on Windows"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15",
            "Safari on macOS",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) CriOS/140.0 Mobile/15E148 Safari/604.1",
            "Chrome on iPhone",
        ),
        ("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox on Android"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("x" * 200, "x" * 40),
        ("", "unknown"),
    ],
)
def test_a_browser_is_named(text: str, shown: str) -> None:
    assert formats.browser(text) == shown


@pytest.mark.parametrize(
    ("provider", "shown"),
    [("stripe", "Stripe"), ("paypal", "PayPal"), ("bank_transfer", "Bank transfer"), ("", "–")],
)
def test_a_provider_is_named(provider: str, shown: str) -> None:
    assert formats.brand(provider) == shown


@pytest.mark.parametrize(
    ("cause", "shown"),
    [
        ("CreatePayment", "create payment"),
        ("event:fusionx.payment.v1.PaymentSucceeded", "after: payment succeeded"),
        ("webhook:stripe:charge.succeeded", "Stripe said charge.succeeded"),
        ("webhook:bank_transfer:payin", "Bank transfer said payin"),
        ("expiry", "expiry"),
    ],
)
def test_a_cause_is_in_words(cause: str, shown: str) -> None:
    assert formats.cause(cause) == shown


def test_an_answer_is_without_the_name_that_programs_have_for_it() -> None:
    assert formats.answer("CONNECTION_REFUSED: nothing listens at this address") == "nothing listens at this address"
    assert formats.answer("OK") == "OK"
    # of a delivery that nobody has tried yet
    assert templates.from_string("{{ one.answer | answer }}{{ one.agent | browser }}").render(one={}) == "unknown"
    assert formats.answer('{"code": "NO: thanks"}') == '{"code": "NO: thanks"}'
