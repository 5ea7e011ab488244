"""How much a merchant, a key, and a provider may send: at one Envoy, and at all of them together."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable

import grpc
import httpx
from fusionx.order.v1 import order_service_pb2 as orders
from fusionx.order.v1.order_service_pb2_grpc import OrderServiceStub

from envoy_config.rate_limits import LISTS_PART
from stack.stack import Ready
from tests.support.merchant.api import LIVE, Merchant
from tests.support.merchant.errors import problem
from tests.support.stack.edges import Edges
from tests.support.waiting import eventually

NewMerchant = Callable[..., Merchant]
MANY = 40


def asked(url: str, merchant: Merchant, times: int = MANY) -> list[httpx.Response]:
    """Ask many times, far faster than the limits of these tests allow."""
    headers = {"authorization": f"Bearer {merchant.secret}"}
    with httpx.Client(base_url=url, headers=headers, timeout=30) as http:
        return [http.get("/v1/orders?page_size=1") for _ in range(times)]


def refused_of(answers: list[httpx.Response]) -> list[httpx.Response]:
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses.keys() <= {200, 429}, statuses
    return [answer for answer in answers if answer.status_code == 429]


def test_over_the_limit_it_is_429_and_says_when_to_come_back(edges: Edges, new_merchant: NewMerchant) -> None:
    url = edges.envoy(requests_per_second=1)
    answers = asked(url, new_merchant())
    refused = refused_of(answers)
    assert refused
    for answer in refused:
        assert problem(answer) == (429, "RATE_LIMITED", set())
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["x-ratelimit-remaining"] == "0"
    assert answers[0].headers["x-ratelimit-limit"].startswith("2")
    # another merchant, and this one's live data, have buckets of their own
    other = new_merchant()
    assert asked(url, other, 1)[0].status_code == 200
    assert asked(url, new_merchant(other.merchant_id, mode=LIVE), 1)[0].status_code == 200


def test_merchant_is_limited_however_many_keys_it_has(edges: Edges, new_merchant: NewMerchant) -> None:
    url = edges.envoy(requests_per_second=1)
    first = new_merchant()
    assert refused_of(asked(url, first))
    assert refused_of(asked(url, new_merchant(first.merchant_id)))


def test_key_is_limited_and_leaves_the_rest_to_the_merchants_other_keys(
    edges: Edges, new_merchant: NewMerchant
) -> None:
    url = edges.envoy(key_requests_per_second=1)
    first = new_merchant()
    assert refused_of(asked(url, first))
    assert asked(url, new_merchant(first.merchant_id), 1)[0].status_code == 200


def test_lists_are_a_tenth_of_what_a_merchant_may_ask_for(edges: Edges, new_merchant: NewMerchant) -> None:
    """A long page costs what ten calls do: two hundred a second of one merchant's left others no turn."""
    url, merchant = edges.envoy(requests_per_second=5 * LISTS_PART), new_merchant()
    headers = {"authorization": f"Bearer {merchant.secret}"}
    refused = refused_of(asked(url, merchant))
    assert refused
    assert {problem(one)[1] for one in refused} == {"RATE_LIMITED"}
    with grpc.insecure_channel(url.removeprefix("http://")) as channel:
        call = OrderServiceStub(channel).ListOrders
        answers = [call.future(orders.ListOrdersRequest(), metadata=merchant.metadata, timeout=10) for _ in range(8)]
        assert grpc.StatusCode.RESOURCE_EXHAUSTED in {answer.code() for answer in answers}
    # which takes nothing from what else it may
    with httpx.Client(base_url=url, headers=headers, timeout=30) as http:
        assert {http.get(f"/v1/orders/{uuid.uuid4()}").status_code for _ in range(5)} == {404}
    assert asked(url, new_merchant(), 1)[0].status_code == 200


def test_claimed_identity_gets_no_other_bucket(edges: Edges, merchant: Merchant) -> None:
    url = edges.envoy(requests_per_second=1)
    headers = {"authorization": f"Bearer {merchant.secret}"}
    claims = [{"x-merchant-id": str(n), "x-merchant-key": str(n)} for n in range(MANY)]
    answers = [httpx.get(f"{url}/v1/orders", headers=headers | claim, timeout=30) for claim in claims]
    assert refused_of(answers)


def test_grpc_client_reads_resource_exhausted(edges: Edges, merchant: Merchant) -> None:
    url = edges.envoy(requests_per_second=1)
    with grpc.insecure_channel(url.removeprefix("http://")) as channel:
        call = OrderServiceStub(channel).ListOrders
        answers = [call.future(orders.ListOrdersRequest(), metadata=merchant.metadata, timeout=10) for _ in range(MANY)]
        codes = {answer.code() for answer in answers}
    assert codes == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}


def test_each_provider_has_a_limit_of_its_own(edges: Edges) -> None:
    url = edges.envoy(webhooks_per_second=5)

    with httpx.Client(base_url=url, headers={"content-type": "application/json"}, timeout=30) as http:
        answers = [http.post("/v1/webhooks/stripe", content=b"{}") for _ in range(MANY)]
        # what it claims of its path makes no new provider of it
        answers += [
            http.post("/v1/webhooks/stripe", content=b"{}", headers={"x-webhook-path": f"/{number}"})
            for number in range(MANY)
        ]
        other = http.post("/v1/webhooks/bank_transfer", content=b"{}")
    assert Counter(answer.status_code for answer in answers).keys() == {401, 429}
    assert {answer.headers["retry-after"] for answer in answers if answer.status_code == 429} == {"1"}
    assert other.status_code == 401


def metric(url: str, outcome: str) -> float:
    name = f'fusionxpay_global_limit_total{{outcome="{outcome}"}}'
    lines = httpx.get(url).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_limit_of_all_envoys_together_is_counted_in_redis(
    edges: Edges, new_merchant: NewMerchant, gateway: Ready
) -> None:
    settings = {"FUSIONXPAY_REDIS_URL": gateway.redis_url, "FUSIONXPAY_GLOBAL_REQUESTS_PER_SECOND": "5"}
    address, metrics = edges.service(**settings)
    merchant = new_merchant()
    first, second = (edges.envoy(address, global_limit=True) for _ in range(2))
    # one after the other, so that within a second neither sees as much as both do
    answers = [answer for _ in range(MANY) for url in (first, second) for answer in asked(url, merchant, 1)]
    refused = refused_of(answers)
    assert refused
    for answer in refused:
        assert problem(answer) == (429, "RATE_LIMITED", set())
        assert answer.headers["retry-after"] == "1"
    assert metric(metrics, "over") == len(refused)
    assert metric(metrics, "within") == len(answers) - len(refused)


def test_global_limit_fails_open_and_is_counted(edges: Edges, merchant: Merchant) -> None:
    settings = {"FUSIONXPAY_REDIS_URL": "redis://127.0.0.1:1", "FUSIONXPAY_GLOBAL_REQUESTS_PER_SECOND": "1"}
    address, metrics = edges.service(**settings)
    assert not refused_of(asked(edges.envoy(address, global_limit=True), merchant))
    eventually(lambda: metric(metrics, "away") >= 1, "the failure in the metric")
    assert metric(metrics, "skipped") > 0
