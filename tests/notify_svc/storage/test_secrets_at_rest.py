"""Secrets of endpoints: bound to their row, sealed again when they are not, and of no use in another's row."""

from __future__ import annotations

from cryptography.fernet import Fernet
from pydantic import SecretStr

from mesh.ids import new_id
from mesh.storage.database import Database
from mesh.storage.resealing import PAGE, Resealing
from mesh.vault import Vault
from notify_svc.domain.delivery import DeliveryStatus
from notify_svc.domain.endpoint import Endpoint, owner_of
from notify_svc.storage.endpoints import SECRETS
from tests.notify_svc.conftest import Desk
from tests.support.merchant.receiver import serving

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
URL = "http://127.0.0.1:9/hook"


def stored(desk: Desk, endpoint: Endpoint, column: str = "secret") -> bytes:
    query = {
        "secret": "SELECT secret FROM webhook_endpoints WHERE endpoint_id = %s",
        "old_secret": "SELECT old_secret FROM webhook_endpoints WHERE endpoint_id = %s",
    }
    ((sealed,),) = desk.execute(query[column], endpoint.endpoint_id)
    return bytes(sealed)


def store(desk: Desk, endpoint: Endpoint, sealed: bytes) -> None:
    desk.execute("UPDATE webhook_endpoints SET secret = %s WHERE endpoint_id = %s", sealed, endpoint.endpoint_id)


async def reseal(url: str, vault: Vault) -> None:
    database = Database(url, 2)
    await database.open()
    try:
        resealing = Resealing(database, vault, SECRETS)
        while await resealing.step():
            pass
    finally:
        await database.close()


async def test_what_was_sealed_before_is_sealed_anew_for_its_row(desk: Desk, notify_url: str) -> None:
    vault = Vault(SecretStr(f"{NEW}, {OLD}"))
    unbound, of_the_old_key = await desk.endpoint(URL), await desk.endpoint(f"{URL}?another")
    store(desk, unbound, Fernet(NEW).encrypt(b"whsec_unbound"))
    store(desk, of_the_old_key, Vault(SecretStr(OLD)).seal(b"whsec_old", of_the_old_key.vault_owner))
    await reseal(notify_url, vault)
    for endpoint, secret in ((unbound, b"whsec_unbound"), (of_the_old_key, b"whsec_old")):
        assert vault.is_current(stored(desk, endpoint), endpoint.vault_owner)
        assert Vault(SecretStr(NEW)).open(stored(desk, endpoint), endpoint.vault_owner) == secret


async def test_what_is_current_or_opens_for_nobody_stays_as_it_is(desk: Desk, notify_url: str) -> None:
    vault = Vault(SecretStr(NEW))
    current, anothers = await desk.endpoint(URL), await desk.endpoint(f"{URL}?another")
    store(desk, current, vault.seal(b"whsec_current", current.vault_owner))
    store(desk, anothers, vault.seal(b"whsec_current", current.vault_owner))
    before = stored(desk, current), stored(desk, anothers)
    await reseal(notify_url, vault)
    assert (stored(desk, current), stored(desk, anothers)) == before


async def test_every_page_is_gone_through(desk: Desk, notify_url: str) -> None:
    vault = Vault(SecretStr(NEW))
    last = await desk.endpoint(URL)
    desk.execute(
        "INSERT INTO webhook_endpoints (endpoint_id, merchant_id, url, event_types, description, enabled,"
        " disable_reason, secret, create_time, update_time)"
        " SELECT gen_random_uuid(), merchant_id, url, event_types, description, false, 'MERCHANT', %s, create_time,"
        " update_time FROM webhook_endpoints, generate_series(1, %s) WHERE endpoint_id = %s",
        Fernet(NEW).encrypt(b"whsec_unbound"),
        PAGE + 1,
        last.endpoint_id,
    )
    await reseal(notify_url, vault)
    rows = desk.execute("SELECT merchant_id, endpoint_id, secret FROM webhook_endpoints WHERE NOT enabled")
    assert len(rows) == PAGE + 1
    assert all(vault.is_current(bytes(sealed), f"endpoint/{one}/{two}") for one, two, sealed in rows)


async def test_an_endpoint_with_anothers_secret_signs_nothing(desk: Desk) -> None:
    with serving() as receiver:
        endpoint = await desk.endpoint(receiver.url)
        store(desk, endpoint, desk.vault.seal(b"whsec_anothers", owner_of(new_id(), new_id())))
        (event,) = await desk.publish()
        assert (await desk.tried(event, 1)).status is DeliveryStatus.PENDING
        assert not receiver.requests
