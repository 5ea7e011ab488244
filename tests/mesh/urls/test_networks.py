from __future__ import annotations

from ipaddress import ip_network

import pytest

from mesh.urls.networks import is_within

NETWORKS = [ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")]


@pytest.mark.parametrize("address", ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"])
def test_address_is_found_in_whatever_form_it_comes(address: str) -> None:
    assert is_within(address, NETWORKS)


@pytest.mark.parametrize("address", ["192.0.3.7", "::ffff:192.0.3.7", "2001:db9::1", "", "localhost", "192.0.2.7:80"])
def test_what_is_elsewhere_or_no_address_is_in_none(address: str) -> None:
    assert not is_within(address, NETWORKS)
