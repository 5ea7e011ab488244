"""Case 15: what is refused at the edge, and what is over a limit, has a limit: its key pays, and nobody else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from tests.support.merchant.api import Merchant
from tests.support.merchant.errors import problem
from tests.support.stack.edges import Edges
from tests.support.waiting import eventually

NewMerchant = Callable[..., Merchant]
MANY = 100
PER_SECOND, AT_ONCE = 1, 10


def sent(url: str, secret: str, times: int, body: bytes = b'{"descripton": ""}') -> list[httpx.Response]:
    """Send what is refused at the edge, many times."""
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
    with httpx.Client(base_url=url, headers=headers, timeout=30) as http:
        return [http.post("/v1/orders", content=body) for _ in range(times)]


def statuses(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def is_let_in(url: str, secret: str) -> bool:
    return httpx.get(f"{url}/v1/orders", headers={"authorization": f"Bearer {secret}"}, timeout=30).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [(b'{"descripton": ""}', 400), (b" " * (1 << 16) + b"{}", 413)],
    ids=["unknown field", "too large"],
)
def test_what_the_edge_refuses_of_a_key_is_limited(
    edges: Edges, new_merchant: NewMerchant, body: bytes, status: int
) -> None:
    url = edges.envoy(refused_requests_per_second=PER_SECOND)
    bad, good = new_merchant(), new_merchant()
    assert is_let_in(url, bad.secret)
    answers = sent(url, bad.secret, MANY, body)
    found = statuses(answers)
    assert found.keys() == {status, 429}
    # what was free, the bucket of who has used that up, and what time has given meanwhile
    assert AT_ONCE <= found[status] < MANY / 2
    last = next(answer for answer in answers if answer.status_code == 429)
    assert problem(last) == (429, "RATE_LIMITED", set())
    assert last.headers["retry-after"] == "1"
    # of the same address, whether it was let in before or not
    assert statuses(sent(url, good.secret, 1)) == {400: 1}
    assert is_let_in(url, good.secret)
    eventually(lambda: is_let_in(url, bad.secret), "the key to be let in again")


def test_what_is_refused_of_a_merchant_is_limited_however_many_keys_it_has(
    edges: Edges, new_merchant: NewMerchant
) -> None:
    url = edges.envoy(refused_requests_per_second=PER_SECOND)
    first = new_merchant()
    keys = [first, *(new_merchant(first.merchant_id) for _ in range(9))]
    found = statuses([answer for _ in range(AT_ONCE) for key in keys for answer in sent(url, key.secret, 1)])
    assert found.keys() == {400, 429}
    assert found[400] > 5 * AT_ONCE
    # one that was never refused is let in
    assert is_let_in(url, new_merchant(first.merchant_id).secret)


def test_key_over_its_limit_is_not_asked_about_every_time(edges: Edges, new_merchant: NewMerchant) -> None:
    address, metrics = edges.service()
    url = edges.envoy(address, key_requests_per_second=1)
    key = new_merchant().secret
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=30) as http:
        found = Counter(http.get("/v1/orders").status_code for _ in range(2 * MANY))
    assert found.keys() == {200, 429}
    assert asked(metrics) < MANY


def asked(metrics: str) -> float:
    lines = httpx.get(metrics).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("fusionxpay_authorizations_total{"))
