"""The console as a client of the gateway."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fusionx.identity.v1 import identity_pb2, identity_service_pb2
from fusionx.mesh.v1 import dead_letter_pb2, dead_letter_service_pb2

from console.api.lists import files
from console.api.lists.listing import Listing, Rows
from console.api.overview import Span, _compared, _counted, _unanswered
from console.api.web import FOLDER, templates
from console.clients.merchant_api import ROWS_MOST, ApiError, MerchantApi, PublicApi
from console.clients.operator_api import OperatorApi
from mesh.ids import new_id

PAGED = {"payments", "orders", "refunds", "disputes", "events", "payment_links", "deliveries"}
GOES_ON = ("next_page_token", "page_token=", "_pages(", "_count(")
NEWEST_ALONE = {
    # the search shows the newest that fit
    "search.py _rows",
    # a trace that has more is nobody's
    "request_log.py _keys_of",
}
"""What takes a page for enough, on purpose."""


@pytest.mark.parametrize("identity", ["..", ".", "a/b", "a?b", "", "a b", "%2e", "x" * 201])
async def test_an_id_that_makes_another_path_is_not_sent(identity: str) -> None:
    api = PublicApi("http://127.0.0.1:9", None)
    with pytest.raises(ApiError) as refused:
        await api.of("key", "user").post("events", identity, "resend")
    assert refused.value.status == 404
    await api.close()


async def test_a_list_has_all_of_its_pages() -> None:
    asked = []

    def page(request: httpx.Request) -> httpx.Response:
        token = request.url.params.get("page_token", "0")
        asked.append(token)
        more = str(int(token) + 1) if int(token) < 2 else ""
        return httpx.Response(200, json={"entries": [{"n": token}], "next_page_token": more})

    async with httpx.AsyncClient(transport=httpx.MockTransport(page), base_url="http://gateway") as http:
        found = await MerchantApi(http, http, {}).every("orders", "1", "timeline", field="entries")
    assert asked == ["0", "1", "2"]
    assert [one["n"] for one in found] == asked


async def test_of_a_list_without_end_so_many_rows_are_read() -> None:
    """The page of an order that was refunded in fifty thousand parts asked for all, a thousand times over."""
    asked = []

    def page(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("page_token", ""))
        assert len(asked) <= ROWS_MOST // 100
        return httpx.Response(200, json={"refunds": [{}] * 100, "next_page_token": str(len(asked))})

    async with httpx.AsyncClient(transport=httpx.MockTransport(page), base_url="http://gateway") as http:
        found = await MerchantApi(http, http, {}).every("payments", "1", "refunds")
    assert len(found) == ROWS_MOST


async def test_the_overview_asks_for_disputes_once_however_many_there_are() -> None:
    asked = []

    def page(request: httpx.Request) -> httpx.Response:
        asked.append(dict(request.url.params))
        ends = [f"2126-01-{1 + (at + 7) % 28:02}T00:00:00Z" for at in range(99)] + ["2026-01-01T00:00:00Z"] * 2
        shown = [{"respond_before": end} for end in ends] + [{"respond_before": None}]
        return httpx.Response(200, json={"disputes": shown, "next_page_token": "more"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(page), base_url="http://gateway") as http:
        found = await _unanswered(MerchantApi(http, http, {}))
    # what nobody answered in time is due no more
    assert found == ("102+", "2126-01-01T00:00:00Z", 2)
    (one,) = asked
    assert (one["order_by"], one["page_size"]) == ("create_time asc", "100")


@pytest.mark.parametrize(
    ("count", "end", "shown"),
    [
        ("0", "", "none"),
        ("2", "2026-01-01T00:00:00Z", ">by 01 Jan 2026"),
        ("100+", "2026-01-01T00:00:00Z", ">the oldest by 01 Jan 2026"),
        ("1", "", ">See them<"),
    ],
)
def test_the_overview_says_until_when_disputes_are_answered(count: str, end: str, shown: str) -> None:
    text = templates.get_template("overview.html").render(disputes=count, respond_before=end, may=lambda _: False)
    assert shown in text.partition("Disputes to answer")[2].partition("Failed deliveries")[0]


def test_the_overview_says_how_many_disputes_nobody_answered() -> None:
    text = templates.get_template("overview.html").render(disputes="3", respond_before="", missed=2, may=lambda _: 0)
    assert "2 not answered in time" in text


def test_the_overview_has_every_currency_and_those_that_are_many_by_name() -> None:
    """The largest numbers are not the most money: yen would hide euros."""
    used = {"JPY": 1, "EUR": 3, "USD": 2, "CHF": 1, "SEK": 1, "NOK": 1, "DKK": 1, "CZK": 1}
    paid = [
        {
            "status": "SUCCESS",
            "captured_amount": {"value": "900000" if currency == "JPY" else "12.00", "currency": currency},
        }
        for currency, count in used.items()
        for _ in range(count)
    ]
    tiles = _compared(Span(paid, is_whole=True), Span([], is_whole=True))
    shown = [tile["amount"]["currency"] for tile in tiles if tile.get("amount")]
    assert shown == ["EUR", "USD", "CHF", "CZK", "DKK", "JPY"]
    (more,) = [tile for tile in tiles if "more" in tile["label"]]
    assert (more["value"], more["note"]) == ("2", "NOK, SEK")


@pytest.mark.parametrize("is_whole", [True, False])
async def test_the_overview_tells_no_money_and_no_days_of_a_sample(is_whole: bool) -> None:
    """The newest 500 payments' sum was shown as what was captured, and the days before them as empty."""
    paid = {"status": "SUCCESS", "provider": "stripe", "captured_amount": {"value": "1.00", "currency": "EUR"}}

    async def get(*_: object, **asked: Any) -> Any:
        return {"payments": [paid] * 100, "next_page_token": "" if is_whole else f"{asked['page_token']}+"}

    api: Any = SimpleNamespace(get=get)
    figures = await _counted(api, 14)
    tiles = {tile["label"]: tile for tile in figures["tiles"]}
    assert ("Captured" in tiles, bool(figures["chart"])) == (is_whole, is_whole)
    assert tiles["Payments"]["value"] == ("100" if is_whole else "500+")
    assert tiles["Taken of decided"]["value"] == "100 %"
    text = templates.get_template("overview.html").render(days=14, spans=("14",), may=lambda _: False, **figures)
    assert ('<svg class="chart"' in text, "of the newest 500" in text) == (is_whole, not is_whole)


@pytest.mark.parametrize(("most", "is_cut"), [(5, False), (4, True), (3, True)])
async def test_a_file_that_has_not_all_says_so_at_its_end(
    most: int, is_cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_ROWS", most)

    async def pages() -> Rows:
        for rows in ([{"n": 3}, {"n": 4}], [{"n": 5}]):
            yield rows

    listing = Listing("numbers", "", (), ("n",), lambda *_: pages(), "/numbers")
    text = "".join([line async for line in files._file(listing, [{"n": 1}, {"n": 2}], pages())])
    header, *lines = text.splitlines()
    assert header == "n"
    said = [files.CUT_OFF.format(most=most)] if is_cut else []
    assert [line.strip('"') for line in lines] == [*map(str, range(1, most + 1)), *said]


async def test_operators_lists_have_all_of_their_pages() -> None:
    """The newest hundred of a merchant's keys are soon those of logins alone."""
    operators, tokens = OperatorApi.__new__(OperatorApi), list[str]()

    async def keys(request: Any, **_: Any) -> Any:
        tokens.append(request.page_token)
        more = {"": "1", "1": "2", "2": ""}[request.page_token]
        return identity_service_pb2.ListApiKeysResponse(
            api_keys=[identity_pb2.ApiKey(api_key_id=f"key {request.page_token}")], next_page_token=more
        )

    operators._identity = SimpleNamespace(ListApiKeys=keys)  # type: ignore[assignment]
    assert [one["api_key_id"] for one in await operators.keys(new_id())] == ["key ", "key 1", "key 2"]
    assert tokens == ["", "1", "2"]


async def test_dead_letters_are_as_many_as_are_asked_for_and_the_newest() -> None:
    def service(name: str) -> Any:
        async def letters(request: Any, **_: Any) -> Any:
            first = int(request.page_token or "0")
            shown = [dead_letter_pb2.DeadLetter(dead_letter_id=f"{name} {first + at}") for at in range(100)]
            for at, letter in enumerate(shown):
                letter.create_time.FromSeconds(1_000_000 - first - at)
            more = str(first + 100) if first < 200 else ""
            return dead_letter_service_pb2.ListDeadLettersResponse(dead_letters=shown, next_page_token=more)

        return SimpleNamespace(ListDeadLetters=letters)

    operators = OperatorApi.__new__(OperatorApi)
    operators._letters = {name: service(name) for name in ("order_svc", "notify_svc")}
    assert len(await operators.dead_letters("", most=10_000)) == 600
    newest = await operators.dead_letters("OPEN", most=101)
    assert {one["dead_letter_id"] for one in newest} >= {
        f"{name} {at}" for name in operators._letters for at in range(50)
    }
    assert len(newest) == 101


def test_no_page_of_a_list_is_taken_for_the_whole() -> None:
    """Whoever asks for a page goes on, or says that there is more."""
    wrong = [
        f"{file.name} {function.name}"
        for file in sorted(Path(FOLDER).rglob("*.py"))
        for function in ast.walk(ast.parse(file.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(_is_a_page(call) for call in ast.walk(function) if isinstance(call, ast.Call))
        and not any(word in ast.unparse(function) for word in GOES_ON)
        # where the page before ended, another begins
        and "before" not in {one.arg for one in function.args.args}
    ]
    assert set(wrong) == NEWEST_ALONE


def _is_a_page(call: ast.Call) -> bool:
    """Whether a call asks for a part of a list."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if name.startswith("List") and name.endswith("Request"):
        return any(keyword.arg == "page_size" for keyword in call.keywords)
    is_list = len(call.args) == 1 and isinstance(call.args[0], ast.Constant) and call.args[0].value in PAGED
    return name in ("get", "page", "search") and (is_list or any(one.arg == "page_size" for one in call.keywords))
