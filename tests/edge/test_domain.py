from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from edge import domain
from edge.domain import ApiKey, Identity, Mode, Permissions, Signature
from mesh.ids import tenant_of

SECRET = domain.new_secret(bytes, Mode.TEST)


@pytest.mark.parametrize("header", [f"Bearer {SECRET}", f"bearer {SECRET}", f"BEARER  {SECRET} "])
def test_secret_is_read_from_the_header(header: str) -> None:
    assert domain.secret_of(header) == SECRET


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", SECRET, f"Basic {SECRET}", f"Bearer {SECRET[:-1]}", f"Bearer {SECRET}=", "Bearer sk_x"],
)
def test_header_that_brings_no_secret_of_ours(header: str) -> None:
    assert domain.secret_of(header) is None


def test_secrets_differ_and_are_kept_as_digests() -> None:
    other = domain.new_secret(secrets.token_bytes, Mode.LIVE)
    assert len({SECRET, other}) == len({domain.digest(SECRET), domain.digest(other)}) == 2
    assert domain.digest(SECRET) == domain.digest(SECRET)
    assert len(domain.digest(SECRET)) == 32


NOW = datetime(2026, 1, 1, tzinfo=UTC)
MERCHANT = uuid.UUID(int=7)


def identity_from(*networks: str) -> Identity:
    permissions = Permissions(Mode.TEST, ("*",), domain.networks_of(networks))
    return Identity(MERCHANT, MERCHANT, permissions, None, None)


@pytest.mark.parametrize(
    ("networks", "address", "allowed"),
    [
        ([], "203.0.113.7", True),
        ([], "", True),
        (["203.0.113.0/24"], "203.0.113.7", True),
        (["203.0.113.7"], "203.0.113.7", True),
        (["203.0.113.0/24"], "::ffff:203.0.113.7", True),
        (["203.0.113.0/24"], "203.0.114.7", False),
        (["203.0.113.0/24"], "2001:db8::1", False),
        (["::ffff:203.0.113.0/120"], "203.0.113.7", True),
        (["::ffff:203.0.113.0/120"], "::ffff:203.0.113.7", True),
        (["::ffff:203.0.113.7"], "203.0.113.7", True),
        (["::ffff:203.0.113.7"], "203.0.113.8", False),
        (["0.0.0.0/0"], "203.0.113.7", True),
        (["0.0.0.0/0"], "2001:db8::1", False),
        (["::/0"], "203.0.113.7", False),
        (["2001:db8::/32"], "2001:db8:1::1", True),
        (["2001:db8::/32"], "2001:db9::1", False),
        (["10.0.0.0/8", "2001:db8::1"], "2001:db8::1", True),
        (["10.0.0.0/8"], "", False),
        (["10.0.0.0/8"], "not an address", False),
    ],
)
def test_key_is_used_from_where_it_may_be(networks: list[str], address: str, allowed: bool) -> None:
    assert identity_from(*networks).may_come_from(address) is allowed


@pytest.mark.parametrize(
    "text", ["", "10.0.0.1/8", "10.0.0.0/33", "somewhere", "10.0.0", "fe80::1%eth0", "fe80::%1/64"]
)
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not appear to be|has host bits"):
        domain.networks_of([text])


def test_live_data_belongs_to_another_tenant_than_test_data() -> None:
    tenants = {tenant_of(uuid.UUID(int=n), mode) for n in range(3) for mode in Mode}
    assert len(tenants) == 6
    assert tenant_of(MERCHANT, Mode.TEST) == MERCHANT
    assert tenant_of(MERCHANT, Mode.LIVE) == tenant_of(MERCHANT, Mode.LIVE)


@pytest.mark.parametrize(("expires", "ends"), [(None, 60), (10, 10), (90, 60)])
def test_old_key_ends_after_the_overlap_unless_it_ends_before(expires: int | None, ends: int) -> None:
    expire_time = NOW + timedelta(seconds=expires) if expires else None
    key = ApiKey(MERCHANT, MERCHANT, Permissions(Mode.TEST, ("*",)), NOW, expire_time)
    assert key.replaced(NOW, timedelta(seconds=60)).expire_time == NOW + timedelta(seconds=ends)


@pytest.mark.parametrize("days", [None, 90])
def test_key_that_is_replaced_again_has_a_successor_that_lives_as_long(days: int | None) -> None:
    """Whoever lost the answer does that, while the end of the old one is that of the overlap."""
    lifetime = timedelta(days=days) if days else None
    old = ApiKey(MERCHANT, MERCHANT, Permissions(Mode.TEST, ("*",)), NOW, NOW + lifetime if lifetime else None)
    for hours in range(1, 4):
        later = NOW + timedelta(hours=hours)
        old = old.replaced(later, timedelta(days=1))
        new = old.successor(uuid.UUID(int=8), later)
        assert new.expire_time == (later + lifetime if lifetime else None)
        assert old.expire_time == NOW + timedelta(hours=25)


def test_successor_may_do_the_same_and_lives_as_long() -> None:
    permissions = Permissions(Mode.LIVE, ("orders:read",), domain.networks_of(["10.0.0.0/8"]), Signature.REQUIRED)
    key = ApiKey(MERCHANT, MERCHANT, permissions, NOW, NOW + timedelta(days=90))
    later = NOW + timedelta(days=80)
    assert key.successor(uuid.UUID(int=8), later) == ApiKey(
        uuid.UUID(int=8), MERCHANT, permissions, later, later + timedelta(days=90)
    )
