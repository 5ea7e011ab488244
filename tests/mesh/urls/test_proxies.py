"""The address of a proxy in a setting: taken, or refused without its password being shown."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, TypeAdapter, ValidationError

from mesh.urls.proxies import ProxyUrl

PROXY: TypeAdapter[SecretStr] = TypeAdapter(ProxyUrl)


@pytest.mark.parametrize(
    "proxy",
    [
        "proxy.example:3128",
        "socks5://proxy.example",
        "http://",
        "http://proxy:99999",
        "http://proxy:0",
        "http://[::1",
        "http://proxy/path",
    ],
)
def test_proxy_that_is_none_is_refused_without_its_password(proxy: str) -> None:
    with pytest.raises(ValidationError) as refused:
        PROXY.validate_python(proxy.replace("://", "://user:secret@"))
    said = str(refused.value.errors(include_input=False))
    assert "must be http://host:port or https://host:port" in said
    assert "secret@" not in said


@pytest.mark.parametrize(
    "proxy", ["", "http://proxy.example", "https://user:secret@proxy.example:3128/", "http://[::1]:1"]
)
def test_proxy_that_is_one_is_taken_as_it_is(proxy: str) -> None:
    assert PROXY.validate_python(proxy).get_secret_value() == proxy
