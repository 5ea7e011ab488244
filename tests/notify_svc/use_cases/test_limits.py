"""Whose endpoints are as many as may be has nobody asked about one more."""

from __future__ import annotations

import uuid
from dataclasses import replace
from uuid import UUID

import pytest
from fusionx.notify.v1.ping_pb2 import Ping

from mesh.errors import ApiError
from mesh.storage.idempotency import Claim
from notify_svc.domain.channel import MAX_CHANNELS, encoded
from notify_svc.domain.endpoint import MAX_ENDPOINTS, Endpoint
from notify_svc.use_cases.channel_registration import NewChannel, NewPush
from notify_svc.use_cases.endpoints import NewEndpoint
from tests.notify_svc.conftest import VAPID, Desk


@pytest.fixture
def asked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URLs whose names were looked up, or whose servers were asked."""
    asked: list[str] = []

    async def look(url: str) -> None:
        asked.append(url)

    async def prove(url: str) -> bool:
        asked.append(url)
        return True

    reach = replace(desk.endpoints._reach, look=look, prove=prove)
    for one in (desk.endpoints, desk.channels):
        monkeypatch.setattr(one, "_reach", reach)
    return asked


def claim_of(merchant_id: UUID) -> Claim:
    """Return the claim of a request that may be repeated."""
    return Claim(merchant_id, "test", "key", b"", lambda _: Ping())


def browser(number: int) -> NewChannel:
    """Return what a merchant says to add a browser."""
    push = NewPush(f"http://127.0.0.1:9/{number}", VAPID.public_key, encoded(b"a" * 16))
    return NewChannel(push, (), "", "EN")


async def test_of_one_endpoint_too_many_nobody_is_asked(desk: Desk, asked: list[str]) -> None:
    claim = claim_of(desk.merchant_id)
    first = await desk.endpoints.create(desk.merchant_id, NewEndpoint(url="http://127.0.0.1:9/first"), claim)
    assert isinstance(first, tuple)
    for number in range(1, MAX_ENDPOINTS):
        # what is there already is not asked about either
        await desk.endpoint(f"http://127.0.0.1:9/{number}")
    asked.clear()
    for url, reason in (("http://127.0.0.1:9/more", "TOO_MANY_ENDPOINTS"), ("http://127.0.0.1:9/1", "ENDPOINT_EXISTS")):
        with pytest.raises(ApiError) as refused:
            await desk.endpoint(url)
        assert refused.value.reason == reason
    # the first one's repetition has its answer all the same
    assert not isinstance(await desk.endpoints.create(desk.merchant_id, NewEndpoint(url="x"), claim), tuple)
    assert asked == []


async def test_of_one_browser_too_many_nobody_is_asked(desk: Desk, asked: list[str]) -> None:
    claim = claim_of(desk.merchant_id)
    assert isinstance(await desk.channels.create(desk.merchant_id, browser(0), claim), Endpoint)
    for number in range(1, MAX_CHANNELS):
        await desk.channels.create(desk.merchant_id, browser(number), None)
    asked.clear()
    with pytest.raises(ApiError) as refused:
        await desk.channels.create(desk.merchant_id, browser(MAX_CHANNELS), None)
    assert refused.value.reason == "TOO_MANY_CHANNELS"
    assert not isinstance(await desk.channels.create(desk.merchant_id, browser(0), claim), Endpoint)
    assert asked == []
    await desk.channels.create(uuid.uuid4(), browser(0), None)
    assert asked
