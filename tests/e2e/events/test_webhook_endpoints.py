"""Endpoints as merchants manage them: many, filtered, tested, disabled, deleted, and with secrets that change."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from standardwebhooks import WebhookVerificationError

from tests.support.merchant.api import Json, Merchant
from tests.support.merchant.errors import problem
from tests.support.merchant.receiver import Receiver, serving
from tests.support.merchant.signatures import verify_ed25519
from tests.support.waiting import eventually

PATH = "/v1/webhook_endpoints"
URL = "https://shop.example/hooks"


def endpoint_of(merchant: Merchant, receiver: Receiver) -> str:
    """Return the path of the endpoint that a receiver listens at."""
    found = [one for one in merchant.get(PATH)["webhook_endpoints"] if one["url"] == receiver.url]
    return f"{PATH}/{found[0]['webhook_endpoint_id']}"


def patch(merchant: Merchant, path: str, **change: object) -> Json:
    """Change an endpoint."""
    answer = merchant.http.patch(path, json=change)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def test_endpoint_is_read_as_it_was_created_but_for_the_secret(merchant: Merchant) -> None:
    made = merchant.post(PATH, {"url": URL, "event_types": ["order.*", "payment.failed"], "description": "till 3"})
    assert made["secret"].startswith("whsec_")
    assert (made["event_types"], made["description"]) == (["order.*", "payment.failed"], "till 3")
    assert made["enabled"] is True
    assert "disable_reason" not in made
    seen = merchant.get(f"{PATH}/{made['webhook_endpoint_id']}")
    assert seen == made | {"secret": ""}
    assert merchant.get(PATH)["webhook_endpoints"] == [seen]
    assert merchant.post(PATH, {"url": URL})["event_types"] == ["*"]


def test_merchant_has_twenty_endpoints_at_the_most_however_they_are_created(merchant: Merchant) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: merchant.http.post(PATH, json={"url": f"{URL}/{n}"}), range(24)))
    refused = [answer for answer in answers if answer.status_code != 200]
    assert [problem(answer)[:2] for answer in refused] == [(400, "TOO_MANY_ENDPOINTS")] * 4
    endpoints = merchant.get(PATH)["webhook_endpoints"]
    assert len(endpoints) == 20
    merchant.http.delete(f"{PATH}/{endpoints[0]['webhook_endpoint_id']}").raise_for_status()
    merchant.post(PATH, {"url": URL})


def test_same_events_to_the_same_url_are_registered_once(merchant: Merchant) -> None:
    made = merchant.post(PATH, {"url": URL, "event_types": ["order.*", "refund.*"]}, key="once")
    # a repetition is none, and neither are other events, another URL, or one that gets nothing
    assert merchant.post(PATH, {"url": URL, "event_types": ["order.*", "refund.*"]}, key="once") == made
    merchant.post(PATH, {"url": URL, "event_types": ["order.*"]})
    merchant.post(PATH, {"url": f"{URL}/2", "event_types": ["order.*", "refund.*"]})
    answer = merchant.http.post(PATH, json={"url": URL, "event_types": ["refund.*", "order.*"]})
    assert problem(answer)[:2] == (409, "ENDPOINT_EXISTS")
    assert made["webhook_endpoint_id"] in answer.json()["message"]
    assert answer.json()["details"][0]["metadata"] == {"webhook_endpoint_id": made["webhook_endpoint_id"]}
    patch(merchant, f"{PATH}/{made['webhook_endpoint_id']}", enabled=False)
    other = merchant.post(PATH, {"url": URL, "event_types": ["refund.*", "order.*"]})
    # nor does one become another by a change
    of_order = {"url": URL, "event_types": ["order.*"]}
    for path, change in (
        (made["webhook_endpoint_id"], {"enabled": True}),
        (other["webhook_endpoint_id"], of_order),
        (other["webhook_endpoint_id"], {"event_types": ["order.*"]}),
        (other["webhook_endpoint_id"], {"url": f"{URL}/2"}),
    ):
        answer = merchant.http.patch(f"{PATH}/{path}", json=change)
        assert problem(answer)[:2] == (409, "ENDPOINT_EXISTS"), change
    patch(merchant, f"{PATH}/{other['webhook_endpoint_id']}", description="itself", event_types=["refund.*", "order.*"])


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        ({"url": "https://10.0.0.1/"}, "URL_REFUSED", "url"),
        ({"url": "https://a:b@shop.example/"}, "URL_REFUSED", "url"),
        ({"url": "https://2130706433/"}, "URL_REFUSED", "url"),
        ({"url": "ftp://shop.example/"}, "URL_REFUSED", "url"),
        ({"url": URL + "x" * 2048}, "INVALID_ARGUMENT", "url"),
        ({"url": URL, "event_types": ["order.*", "order.paid"]}, "EVENT_TYPE_UNKNOWN", "event_types[1]"),
        ({"url": URL, "description": "x" * 501}, "INVALID_ARGUMENT", "description"),
    ],
)
def test_what_is_wrong_is_named_at_the_creation_and_at_a_change(
    body: Json, reason: str, field: str, merchant: Merchant
) -> None:
    assert problem(merchant.http.post(PATH, json=body)) == (400, reason, {field})
    path = f"{PATH}/{merchant.post(PATH, {'url': URL})['webhook_endpoint_id']}"
    before = merchant.get(path)
    assert problem(merchant.http.patch(path, json=body)) == (400, reason, {field})
    assert merchant.get(path) == before


def test_filters_choose_what_is_sent(merchant: Merchant) -> None:
    with serving() as orders, serving() as cancelled:
        for receiver, types in ((orders, ["order.*"]), (cancelled, ["order.cancelled", "payment.*"])):
            receiver.secret = merchant.post(PATH, {"url": receiver.url, "event_types": types})["secret"]
        order_id = merchant.new_order()["order_id"]
        merchant.post(f"/v1/orders/{order_id}/cancel", {})
        orders.wait_for("order.cancelled")
        cancelled.wait_for("order.cancelled")
        assert [event["type"] for event in orders.events()] == ["order.created", "order.cancelled"]
        assert [event["type"] for event in cancelled.events()] == ["order.cancelled"]


def test_change_leaves_the_rest_as_it_is(merchant: Merchant) -> None:
    made = merchant.post(PATH, {"url": URL, "event_types": ["order.*"], "description": "old"})
    path = f"{PATH}/{made['webhook_endpoint_id']}"
    changed = patch(merchant, path, description="")
    unchanged = made | {"secret": "", "description": "", "update_time": changed["update_time"]}
    assert changed == merchant.get(path) == unchanged
    changed = patch(merchant, path, url=URL + "/2", event_types=["*"])
    assert (changed["url"], changed["event_types"], changed["description"]) == (URL + "/2", ["*"], "")


def test_disabled_endpoint_gets_nothing_until_it_is_enabled(merchant: Merchant, receiver: Receiver) -> None:
    path = endpoint_of(merchant, receiver)
    assert patch(merchant, path, enabled=False)["disable_reason"] == "MERCHANT"
    assert problem(merchant.http.post(f"{path}/ping", json={}))[:2] == (400, "ENDPOINT_DISABLED")
    with serving() as other:
        merchant.listen(other)
        merchant.new_order()
        other.wait_for("order.created")
        assert patch(merchant, path, enabled=True)["enabled"]
        order_id = merchant.new_order()["order_id"]
        receiver.wait_for("order.created")
    assert receiver.histories() == {order_id: [(1, "order.created")]}


def test_deleted_endpoint_is_not_there_any_more(merchant: Merchant, receiver: Receiver) -> None:
    path = endpoint_of(merchant, receiver)
    assert merchant.http.delete(path).json()["enabled"] is False
    for answer in (merchant.http.get(path), merchant.http.delete(path), merchant.http.post(f"{path}/ping", json={})):
        assert problem(answer)[:2] == (404, "WEBHOOK_ENDPOINT_NOT_FOUND")
    assert merchant.get(PATH)["webhook_endpoints"] == []


def test_ping_under_one_key_is_sent_once(merchant: Merchant, receiver: Receiver) -> None:
    path, headers = endpoint_of(merchant, receiver), {"Idempotency-Key": "ping-1"}
    first, again = (merchant.http.post(f"{path}/ping", json={}, headers=headers) for _ in range(2))
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    after = merchant.post(f"{path}/ping", {})
    eventually(lambda: {event["id"] for event in receiver.events()} == {first.json()["event_id"], after["event_id"]})


@pytest.mark.parametrize("verb", ["ping", "rotate_secret"])
def test_repetition_is_answered_whatever_became_of_the_endpoint(
    verb: str, merchant: Merchant, receiver: Receiver
) -> None:
    path, headers = endpoint_of(merchant, receiver), {"Idempotency-Key": verb}
    first = merchant.http.post(f"{path}/{verb}", json={}, headers=headers)
    assert merchant.http.delete(path).status_code == 200
    again = merchant.http.post(f"{path}/{verb}", json={}, headers=headers)
    assert (again.status_code, again.json()) == (200, first.json())


def test_ping_goes_the_way_of_every_event_whatever_the_filters(merchant: Merchant, receiver: Receiver) -> None:
    path = endpoint_of(merchant, receiver)
    patch(merchant, path, event_types=["refund.*"])
    receiver.fail_next(1)
    event = merchant.post(f"{path}/ping", {})
    assert event["type"] == "ping"
    eventually(lambda: [request.status for request in receiver.requests] == [500, 204], "the second attempt")
    first, _ = receiver.events()
    assert first["id"] == event["event_id"]
    assert first["data"] == event["data"] == {"ping": {"webhook_endpoint_id": path.rpartition("/")[2]}}


def test_during_the_overlap_both_secrets_verify_and_afterwards_the_new_one_alone(
    merchant: Merchant, receiver: Receiver
) -> None:
    path, old = endpoint_of(merchant, receiver), receiver.secret
    new = merchant.post(f"{path}/rotate_secret", {})
    assert new["secret"] not in ("", old)
    merchant.new_order()
    eventually(lambda: receiver.requests, "a delivery")
    for receiver.secret in (old, new["secret"]):
        receiver.wait_for("order.created")
    receiver.secret = merchant.post(f"{path}/rotate_secret", {"overlap": "0s"})["secret"]
    receiver.requests.clear()
    merchant.new_order()
    receiver.wait_for("order.created")
    for receiver.secret in (old, new["secret"]):
        with pytest.raises(WebhookVerificationError):
            receiver.events()


def test_signatures_of_the_overlap_are_of_the_whole_message(merchant: Merchant, receiver: Receiver) -> None:
    merchant.post(f"{endpoint_of(merchant, receiver)}/rotate_secret", {"overlap": "604800s"})
    merchant.new_order()
    (genuine,) = eventually(lambda: list(receiver.requests), "a delivery")
    assert len(genuine.headers["webhook-signature"].split(" ")) == 2
    receiver.requests[0] = replace(genuine, body=genuine.body + b" ")
    with pytest.raises(WebhookVerificationError):
        receiver.events()


def test_asymmetric_signatures_are_verified_with_the_public_key_through_a_rotation(merchant: Merchant) -> None:
    with serving() as receiver:
        made = merchant.post(PATH, {"url": receiver.url, "signature_scheme": "ED25519"})
        assert (made["secret"], made["signature_scheme"], made["public_key"][:5]) == ("", "ED25519", "whpk_")
        path = f"{PATH}/{made['webhook_endpoint_id']}"
        assert merchant.get(path)["public_key"] == made["public_key"]
        rotated = merchant.post(f"{path}/rotate_secret", {})
        assert rotated["secret"] == ""
        assert rotated["public_key"] != made["public_key"]
        merchant.new_order()
        (told,) = eventually(lambda: list(receiver.requests), "a delivery")
    new, old = told.headers["webhook-signature"].split(" ")
    for key, signature in ((rotated["public_key"], new), (made["public_key"], old)):
        verify_ed25519(key, signature, told.headers["webhook-id"], told.headers["webhook-timestamp"], told.body)


@pytest.mark.parametrize("overlap", ["604801s", "-1s", "soon", 5])
def test_overlap_that_is_wrong_is_refused(overlap: object, merchant: Merchant, receiver: Receiver) -> None:
    answer = merchant.http.post(f"{endpoint_of(merchant, receiver)}/rotate_secret", json={"overlap": overlap})
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("path", [PATH, "rotate"])
def test_secret_is_the_same_when_the_request_is_repeated(path: str, merchant: Merchant, receiver: Receiver) -> None:
    body: Json = {"url": URL} if path == PATH else {}
    path = path if path == PATH else f"{endpoint_of(merchant, receiver)}/rotate_secret"
    key = str(uuid.uuid4())
    assert merchant.post(path, body, key=key) == merchant.post(path, body, key=key)
    other = body | ({"description": "another", "event_types": ["order.*"]} if path == PATH else {})
    assert merchant.post(path, other)["secret"] != merchant.post(path, body, key=key)["secret"]


def test_another_merchants_endpoint_cannot_be_told_from_none(
    merchant: Merchant, receiver: Receiver, new_merchant: Callable[..., Merchant]
) -> None:
    path, stranger = endpoint_of(merchant, receiver), new_merchant()
    calls: list[tuple[str, str, Json | None]] = [
        ("GET", path, None),
        ("DELETE", path, None),
        ("PATCH", path, {"enabled": False}),
        ("POST", f"{path}/ping", {}),
        ("POST", f"{path}/rotate_secret", {}),
    ]
    for method, target, body in calls:
        answer = stranger.http.request(method, target, json=body)
        assert problem(answer)[:2] == (404, "WEBHOOK_ENDPOINT_NOT_FOUND")
    assert merchant.get(path)["enabled"]
