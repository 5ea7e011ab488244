"""Case 11: whoever has an account at a provider signs what they like; of another merchant's payment it says nothing."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable

import pytest

from stack.stack import Ready
from tests.support.merchant.api import Json, Merchant
from tests.support.providers.stripe_events import Stripe
from tests.support.stack.storage import provider_event
from tests.support.waiting import eventually

SECRET = f"whsec_{uuid.uuid4().hex}"


@pytest.mark.parametrize("kind", ["payment_intent", "refund", "charge"])
def test_text_of_a_neighbours_account_is_in_no_timeline_but_its_own(
    gateway: Ready, merchant: Merchant, new_merchant: Callable[[], Merchant], kind: str
) -> None:
    payment = merchant.charge(merchant.new_order()["order_id"])
    neighbour = new_merchant()
    body = {"credentials": {"api_key": "sk_test_acct_neighbour", "webhook_secret": SECRET}}
    account: Json = neighbour.http.put("/v1/provider_accounts/stripe", json=body).raise_for_status().json()
    event_id = f"evt_call-this-number-{uuid.uuid4().hex}"
    reference = payment["provider_reference"]
    target = {"id": reference, "object": kind, "payment_intent": reference}
    target["metadata"] = {"payment_id": payment["payment_id"]}
    event = {"id": event_id, "object": "event", "type": "your.account.is.blocked", "created": int(time.time())}
    raw = json.dumps(event | {"data": {"object": target}}).encode()
    assert Stripe(gateway.edge_url, SECRET).post(raw, path=account["webhook_path"]).status_code == 200
    eventually(lambda: (provider_event(gateway, event_id) or ("PENDING",))[0] == "QUARANTINED", "the event's verdict")
    timeline = merchant.get(f"/v1/orders/{payment['order_id']}/timeline")
    assert timeline["entries"]
    assert event_id not in str(timeline)
    assert "your.account" not in str(timeline)
