"""The console as a client of the gateway."""

from __future__ import annotations

import pytest

from console.clients.merchant_api import ApiError, PublicApi


@pytest.mark.parametrize("identity", ["..", ".", "a/b", "a?b", "", "a b", "%2e", "x" * 201])
async def test_an_id_that_makes_another_path_is_not_sent(identity: str) -> None:
    api = PublicApi("http://127.0.0.1:9", None)
    with pytest.raises(ApiError) as refused:
        await api.of("key", "user").post("events", identity, "resend")
    assert refused.value.status == 404
    await api.close()
