"""Case 8: what a client makes up, a key or an account, costs the gateway next to nothing, and is not kept for ever."""

from __future__ import annotations

import asyncio
import json
import secrets
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from audit_svc.domain.condensing import CONDENSED, Condenser
from audit_svc.domain.entry import Entry
from audit_svc.domain.lines import entry_of
from edge.domain import Mode, digest, new_secret
from edge.storage.keys import StoredKeys
from envoy_config.access_log import _FIELDS
from mesh.errors import ApiError
from mesh.vault import Vault
from payment_svc.providers.registry import Registry, discover
from payment_svc.settings import settings_class
from payment_svc.storage.accounts import AccountRepository
from payment_svc.use_cases.accounts import Accounts
from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.stack.counting import CountingDatabase, counting
from tests.support.stack.edges import Edges

MANY = 100
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PER_SECOND = 10.0


def statuses(url: str, keys: list[str], address: str = "127.0.0.1") -> Counter[int]:
    """Ask with keys from an address, and count how that is answered."""
    with httpx.Client(base_url=url, transport=httpx.HTTPTransport(local_address=address), timeout=30) as http:
        return Counter(http.get("/v1/orders", headers={"authorization": f"Bearer {key}"}).status_code for key in keys)


def made_up() -> str:
    return new_secret(secrets.token_bytes, Mode.TEST)


def test_made_up_keys_get_no_further_than_the_bucket_of_their_address(
    edges: Edges, merchant: Merchant, new_merchant: Callable[..., Merchant]
) -> None:
    url = edges.envoy(stranger_requests_per_second=1)
    assert statuses(url, [merchant.secret]) == {200: 1}
    flood = statuses(url, [made_up() for _ in range(MANY)])
    assert flood.keys() == {401, 429}
    assert flood[429] > MANY / 2
    # neither a key that was accepted before, from the same address, nor one that is new from another
    assert statuses(url, [merchant.secret] * 20) == {200: 20}
    assert statuses(url, [new_merchant().secret], "127.0.0.9") == {200: 1}


async def test_made_up_keys_are_looked_up_together(gateway: Ready, merchant: Merchant) -> None:
    async with counting(gateway.database_urls["identity"]) as database:
        keys = StoredKeys(database, Vault(SecretStr(Fernet.generate_key().decode())))
        digests = [digest(made_up()) for _ in range(MANY)]
        *nobody, somebody = await asyncio.gather(*map(keys.identify, [*digests, digest(merchant.secret)]))
        assert nobody == [None] * MANY
        assert somebody
        assert str(somebody.api_key_id) == merchant.api_key_id
        assert database.asked <= 2


def line(**values: str) -> bytes:
    """Return what Envoy writes of a request, with fields as long as they can be."""
    said = dict.fromkeys(_FIELDS, "") | {
        "time": NOW.isoformat(),
        "path": "/" + "p" * 2000,
        "user_agent": "u" * 2000,
        "idempotency_key": "i" * 2000,
        "method": "GET",
        "http_status": "401",
    }
    return json.dumps(said | values).encode()


def size_of(entries: list[Entry]) -> int:
    return sum(len(str(getattr(entry, name))) for entry in entries for name in Entry.__dataclass_fields__)


@pytest.mark.parametrize(("merchant_id", "longest"), [("", 1000), ("some merchant", 10_000)])
def test_of_a_request_without_a_key_the_audit_keeps_short_texts(merchant_id: str, longest: int) -> None:
    size = size_of([entry_of(line(merchant_id=merchant_id), NOW)])
    assert longest / 10 < size < longest


def test_of_many_requests_without_a_key_the_audit_keeps_a_count() -> None:
    condenser = Condenser(PER_SECOND)
    kept: list[Entry] = []
    for second in range(60):
        moment = (NOW + timedelta(seconds=second)).isoformat()
        junk = [entry_of(line(time=moment, client=f"203.0.113.{n % 7}"), NOW) for n in range(500)]
        kept += condenser.condensed([*junk, entry_of(line(time=moment, merchant_id="m", http_status="200"), NOW)])
    counts = Counter(entry.source if entry.source == CONDENSED else entry.merchant_id for entry in kept)
    assert counts["m"] == 60, "whoever has a key is kept one by one"
    assert counts[CONDENSED] == 60
    assert counts[""] <= PER_SECOND * (60 + 10)
    counted = sum(int(entry.detail.split()[0]) for entry in kept if entry.source == CONDENSED)
    assert counted + counts[""] == 60 * 500, "none is lost"
    assert size_of(kept) / 60 < 20_000


def accounts_at(database: CountingDatabase) -> Accounts:
    settings = settings_class().model_construct(
        provider_timeout_seconds=1,
        provider_patience_seconds=1,
        provider_max_calls=1,
        provider_proxy=SecretStr(""),
        circuit_failures=1,
        circuit_open_seconds=1,
    )
    nothing_on = {name: one.settings() for name, one in discover().items()}
    registry = Registry(nothing_on, "test", settings.provider_connection, settings.provider_limits)
    return Accounts(database, AccountRepository(), None, registry)


@pytest.mark.parametrize(
    ("headers", "reason", "look_ups"),
    [({}, "WEBHOOK_SIGNATURE_INVALID", 0), ({"stripe-signature": "t=1,v1=00"}, "NOT_FOUND", 1)],
)
async def test_webhooks_of_a_made_up_account_are_looked_up_once(
    headers: dict[str, str], reason: str, look_ups: int, gateway: Ready
) -> None:
    async with counting(gateway.database_urls["payments"]) as database:
        accounts, account_id = accounts_at(database), uuid.uuid4()
        for _ in range(10):
            with pytest.raises(ApiError) as refused:
                await accounts.of_webhook("stripe", account_id, headers)
            assert reason in str(refused.value)
        assert database.asked == look_ups


async def test_accounts_that_are_asked_for_at_once_are_looked_up_together(gateway: Ready) -> None:
    """A flood of signed webhooks had a connection for each, and payments waited behind them for one."""
    async with counting(gateway.database_urls["payments"]) as database:
        accounts, headers = accounts_at(database), {"stripe-signature": "t=1,v1=00"}
        many = (accounts.of_webhook("stripe", uuid.uuid4(), headers) for _ in range(50))
        answers = await asyncio.gather(*many, return_exceptions=True)
        assert {getattr(answer, "reason", "") for answer in answers} == {"PROVIDER_ACCOUNT_NOT_FOUND"}
        assert database.asked <= 2
