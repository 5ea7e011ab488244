"""What a name's servers answer costs others nothing, however much it is."""

from __future__ import annotations

from types import SimpleNamespace

import aiodns
import pytest

from notify_svc.channels.guarded_http import guarded_client, look
from notify_svc.channels.resolver import ADDRESSES, Resolver
from notify_svc.domain.endpoint import UrlRefusedError


class Answering:
    """c-ares, with names of as many addresses as their first label says."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def getaddrinfo(self, host: str, **_: object) -> SimpleNamespace:
        """Answer."""
        self.asked.append(host)
        count = int(host.partition(".")[0])
        return SimpleNamespace(nodes=[SimpleNamespace(addr=(f"93.184.1.{at}".encode(), 443)) for at in range(count)])


async def test_name_with_too_many_addresses_is_refused_when_it_is_set_and_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answering = Answering()
    monkeypatch.setattr(aiodns, "DNSResolver", lambda *_, **__: answering)
    resolve = Resolver()
    assert len(await resolve(f"{ADDRESSES}.example", 443)) == ADDRESSES
    crowded = f"https://{ADDRESSES + 1}.example/hook"
    with pytest.raises(UrlRefusedError, match=r"must not have more than 32 addresses: 33\.example"):
        await look(crowded, resolve, ())
    async with guarded_client(resolve, (), connections=1, timeout=5) as http:
        with pytest.raises(UrlRefusedError, match=r"must not have more than 32 addresses: 33\.example"):
            await http.post(crowded)
    # nor is it asked for again at once
    assert len(answering.asked) == 2
