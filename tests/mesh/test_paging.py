from __future__ import annotations

import base64
import hashlib
import json
from uuid import UUID

import pytest
from fusionx.order.v1 import order_pb2, order_service_pb2, payment_link_service_pb2
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st

from mesh import paging
from mesh.errors import ApiError
from mesh.lists import listing

ListLinks = payment_link_service_pb2.ListPaymentLinksRequest
ListOrders = order_service_pb2.ListOrdersRequest
LAST = UUID(int=7)


@given(st.uuids(), st.text(max_size=20), st.integers(0, 100), st.integers(0, 100))
def test_token_leads_to_where_it_was_made_whatever_the_page_size(
    last: UUID, reference: str, size: int, other: int
) -> None:
    token = paging.encode(ListOrders(merchant_order_id=reference, page_size=size), last)
    again = ListOrders(merchant_order_id=reference, page_size=other, page_token=token)
    assert paging.decode(again, token) == last


def test_no_token_is_the_first_page() -> None:
    assert paging.decode(ListOrders(), "") is None


@pytest.mark.parametrize("other", [ListOrders(status=order_pb2.Order.NEW), ListOrders(merchant_order_id="A")])
def test_token_of_other_filters_is_refused(other: ListOrders) -> None:
    with pytest.raises(ApiError) as refused:
        paging.decode(other, paging.encode(ListOrders(), LAST))
    assert refused.value.reason == "PAGE_TOKEN_INVALID"


def test_token_of_another_list_is_refused() -> None:
    with pytest.raises(ApiError) as refused:
        paging.decode(ListOrders(), paging.encode(ListLinks(), LAST))
    assert refused.value.reason == "PAGE_TOKEN_INVALID"


def given_out_before(request: ListOrders, last: UUID) -> str:
    """Return a token as the version before made it, which bound it to the filters alone."""
    filters = request.SerializeToString(deterministic=True)
    return base64.urlsafe_b64encode(last.bytes + hashlib.sha256(filters).digest()[:8]).decode()


@pytest.mark.parametrize("asked", [ListOrders(), ListOrders(merchant_order_id="A", status=order_pb2.Order.NEW)])
def test_token_of_the_version_before_goes_on_where_it_was_made(asked: ListOrders) -> None:
    token = given_out_before(asked, LAST)
    again = ListOrders(page_size=7, page_token=token)
    again.MergeFrom(asked)
    assert paging.decode(again, token) == LAST
    again.merchant_order_id = "B"
    with pytest.raises(ApiError) as refused:
        paging.decode(again, token)
    assert refused.value.reason == "PAGE_TOKEN_INVALID"


@given(st.text(min_size=1) | st.binary(max_size=40).map(lambda raw: base64.urlsafe_b64encode(raw).decode() or "=="))
def test_token_that_is_not_ours_is_refused_whatever_it_is(token: str) -> None:
    with pytest.raises(ApiError) as refused:
        paging.decode(ListOrders(), token)
    assert refused.value.violations[0].field == "page_token"


IDS = [UUID(int=number) for number in range(1, 8)]


async def read(after: UUID | None, limit: int) -> list[UUID]:
    """Return ids from a list in the order of ids."""
    return [one for one in IDS if after is None or one > after][:limit]


def itself(item: UUID) -> UUID:
    return item


def message(item: UUID) -> order_pb2.Order:
    return order_pb2.Order(order_id=str(item))


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8])
async def test_pages_hold_everything_once_and_none_but_the_last_is_without_a_token(size: int) -> None:
    walked: list[UUID] = []
    token = ""
    while len(walked) < len(IDS):
        items, token = await paging.page(ListOrders(page_size=size, page_token=token), read, itself, message)
        assert 0 < len(items) <= size
        walked.extend(UUID(item.order_id) for item in items)
        assert bool(token) == (len(walked) < len(IDS))
    assert walked == IDS


async def test_page_without_a_size_has_the_default_one_and_is_read_with_one_more() -> None:
    asked: list[int] = []

    async def nothing(after: UUID | None, limit: int) -> list[UUID]:
        asked.append(limit)
        return await read(after, 0)

    assert await paging.page(ListOrders(), nothing, itself, message) == ([], "")
    assert asked == [paging.DEFAULT_SIZE + 1]


@pytest.mark.parametrize("text", ["x", "\u4f60", "<", "\x01"])
async def test_page_of_large_items_ends_before_it_is_too_large_to_be_translated(text: str) -> None:
    def large(item: UUID) -> order_pb2.Order:
        return order_pb2.Order(order_id=str(item), metadata={f"{number}": text * 500 for number in range(50)})

    walked: list[str] = []
    many = [UUID(int=number) for number in range(1, 101)]
    request = ListOrders(page_size=100)

    async def read_many(after: UUID | None, limit: int) -> list[UUID]:
        return [one for one in many if after is None or one > after][:limit]

    while True:
        items, request.page_token = await paging.page(request, read_many, itself, large)
        assert items
        # as the transcoder writes it, who escapes what could be HTML
        written = json.dumps([MessageToDict(one) for one in items])
        assert len(written.replace("<", "<" * 6)) < 1 << 20
        walked += [item.order_id for item in items]
        if not request.page_token:
            break
    assert walked == [str(one) for one in many]


@pytest.mark.parametrize(("letters", "most"), [(600, 1), (1200, 50)])
def test_page_is_measured_by_writing_it_only_where_its_size_does_not_tell(
    letters: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each full page was turned into JSON on the event loop, only to be thrown away."""
    lengths: list[int] = []
    length = paging._length

    def measured(message: order_pb2.Order) -> int:
        lengths.append(1)
        return length(message)

    monkeypatch.setattr(paging, "_length", measured)
    many = [order_pb2.Order(description="x" * letters)] * 100
    assert paging.that_fit(many) == many
    # an empty one too, once a process
    assert len(lengths) <= most


def test_one_item_is_answered_with_however_large_it_is() -> None:
    large = order_pb2.Order(description="x" * (2 << 20))
    assert paging.that_fit([large, large]) == [large]


def test_status_and_statuses_are_both_to_be_met() -> None:
    both = ListOrders(status=order_pb2.Order.NEW, statuses=[order_pb2.Order.NEW, order_pb2.Order.SUCCESS])
    assert listing(both).statuses == ["NEW"]
    assert listing(ListOrders(statuses=[order_pb2.Order.NEW, order_pb2.Order.SUCCESS])).statuses == ["NEW", "SUCCESS"]
    assert listing(ListOrders(status=order_pb2.Order.NEW)).statuses == ["NEW"]
    assert listing(ListOrders()).statuses == []
    with pytest.raises(ApiError) as refused:
        listing(ListOrders(status=order_pb2.Order.FAILED, statuses=[order_pb2.Order.NEW]))
    assert [one.field for one in refused.value.violations] == ["status"]
