"""Lists of the bank are walked through to their end."""

from __future__ import annotations

from typing import Any

import httpx

from payment_svc.providers.bank_transfer.client import BankClient


async def test_list_is_walked_page_after_page() -> None:
    pages: list[dict[str, Any]] = [
        {"data": [{"id": "1"}, {"id": "2"}], "next_cursor": "after 2"},
        {"data": [], "next_cursor": "after nothing"},
        {"data": [{"id": "3"}], "next_cursor": None},
        {"data": [{"id": "of nobody"}], "next_cursor": None},
    ]
    asked: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(dict(request.url.params))
        return httpx.Response(200, json=pages[len(asked) - 1])

    client = BankClient("key", "https://bank.example", timeout=1)
    await client.close()
    client._http = httpx.AsyncClient(base_url="https://bank.example/v1", transport=httpx.MockTransport(answer))
    assert [one["id"] async for one in client.walk("/transfers", since="then")] == ["1", "2", "3"]
    assert asked == [
        {"since": "then"},
        {"since": "then", "cursor": "after 2"},
        {"since": "then", "cursor": "after nothing"},
    ]
    await client.close()
