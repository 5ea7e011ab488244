from __future__ import annotations

import pytest

from mesh.urls.return_urls import return_url


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        ("https://shop.example/return?x=1&y=%20#f", "https://shop.example/return?x=1&y=%20#f"),
        ("http://localhost:3000/r", "http://localhost:3000/r"),
        ("http://[::1]:3000/r", "http://[::1]:3000/r"),
        ("https://shop.example:443/", "https://shop.example:443/"),
        ("HTTPS://shop.example/Return", "https://shop.example/Return"),
        ("https://müller.example/käse?ü=ß", "https://xn--mller-kva.example/k%C3%A4se?%C3%BC=%C3%9F"),
        ("https://пример.рф", "https://xn--e1afmkfd.xn--p1ai"),
    ],
)
def test_url_is_taken_and_passed_on_in_ascii(given: str, kept: str) -> None:
    assert return_url(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        *("https://", "https:///x", "https:shop.example", "//shop.example/", "shop.example", "ftp://shop.example/"),
        *("https://shop.example:99999/", "https://shop.example:0/", "https://shop.example:x/", "javascript:alert(1)"),
        *("https://user:secret@shop.example/", "https://user@shop.example/", "https://@shop.example/"),
        *(
            "https://shop example/",
            "https://shop.example/a b",
            "https://shop.example/%zz",
            "https://shop.example/\r\nx",
        ),
        *(
            "https://a..b/",
            "https://-/",
            f"https://{'a' * 64}.example/",
            "https://xn--/",
            "https://shop.example/\u2028",
        ),
    ],
)
def test_url_that_leads_nowhere_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="must"):
        return_url(given)


@pytest.mark.parametrize("number", range(3))
def test_nothing_but_a_placeholder_is_filled_in(number: int) -> None:
    for text in (f"https://placeholder-{number}-x.example.com/a", f"https://shop.example/placeholder-{number}-x"):
        assert return_url(text) == text


@pytest.mark.parametrize("placeholder", ["{ORDER_ID}", "{PAYMENT_ID}", "{STATUS}"])
def test_placeholder_in_the_host_is_refused(placeholder: str) -> None:
    for text in (f"https://{placeholder}.example/", f"https://placeholder-0-x.{placeholder}/{placeholder}"):
        with pytest.raises(ValueError, match="must"):
            return_url(text)


def test_length_is_bounded_as_it_is_filled_in() -> None:
    base = "https://shop.example/"
    room = 2048 - len(base)
    for fits in ("a" * room, "{ORDER_ID}" * (room // 36), "ü" * (room // 6)):
        assert return_url(base + fits)
    for longer in ("a" * (room + 1), "{ORDER_ID}" * (room // 36 + 1), "ü" * (room // 6 + 1)):
        with pytest.raises(ValueError, match="at most 2048"):
            return_url(base + longer)
