"""The page where the payer approves an order or turns back; its buttons can be posted by a script too."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sandbox.logs import annotate
from sandbox.paypal import orders
from sandbox.paypal.account import NAME, Account
from sandbox.paypal.wallets import WALLETS
from sandbox.provider import World
from sandbox.store.documents import Document
from sandbox.web import hosted, html

_TITLE = "PayPal"


_OVER = {
    "COMPLETED": "Paid. Thank you!",
    "APPROVED": "Approved. The shop takes the money now.",
    "VOIDED": "This order was voided. Nothing was paid.",
}


class Pages:
    """The approval page of one account."""

    def __init__(self, world: World, account: Account) -> None:
        self._database = world.database
        self._account = account

    def routes(self) -> list[Route]:
        """The routes of the page and of its buttons."""
        page = f"/{NAME}/checkoutnow/{{id}}"
        return [
            Route(page, self._show),
            Route(f"{page}/approve", self._approve, methods=["POST"]),
            Route(f"{page}/cancel", self._cancel, methods=["GET", "POST"]),
        ]

    async def _show(self, request: Request) -> Response:
        order = self._find(request)
        return HTMLResponse(_page(order)) if order else hosted.not_found(request)

    async def _approve(self, request: Request) -> Response:
        wallet = str((await hosted.fields(request)).get("payment_method", ""))
        order = self._find(request)
        if order is None:
            return hosted.not_found(request)
        if order.body["status"] not in orders.OPEN:
            return hosted.problem(request, 409, f"This order is {order.body['status']}.")
        if wallet not in WALLETS:
            return hosted.problem(request, 400, f"payment_method must be one of {', '.join(WALLETS)}.")
        with self._database.transaction():
            orders.approve(self._account, order, wallet)
        query = urlencode({"token": order.id, "PayerID": orders.payer_id(order)})
        return _back(request, order, order.private["return_url"], query)

    async def _cancel(self, request: Request) -> Response:
        """The payer turns back; the order stays as it is."""
        order = self._find(request)
        if order is None:
            return hosted.not_found(request)
        return _back(request, order, order.private["cancel_url"], urlencode({"token": order.id}))

    def _find(self, request: Request) -> Document | None:
        order = self._account.find(orders.KIND, request.path_params["id"])
        if order is not None:
            annotate(request, object=order.id, tags=order.tags)
        return order


def _back(request: Request, order: Document, target: str | None, query: str) -> Response:
    """To the merchant's site, if it has said where that is."""
    summary = {"id": order.id, "status": order.body["status"]}
    if target is not None:
        return hosted.redirect(request, hosted.with_query(target, query), summary)
    if hosted.wants_json(request):
        return JSONResponse(summary)
    return HTMLResponse(html.page(_TITLE, "<p>Done. You may close this page.</p>"))


def _page(order: Document) -> str:
    [unit] = order.body["purchase_units"]
    amount = unit["amount"]
    target = order.private["return_url"]
    shown = f"{amount['value']} {amount['currency_code']}"
    content = html.bill(_TITLE, shown, unit.get("description", ""), target)
    if order.body["status"] not in orders.OPEN:
        words = _OVER.get(order.body["status"], f"This order is {order.body['status']}.")
        return html.page(_TITLE, content + html.over(words, target))
    base = f"/{NAME}/checkoutnow/{order.id}"
    choices = html.select("payment_method", {name: wallet.label for name, wallet in WALLETS.items()})
    content += html.form(f"{base}/approve", "Approve", choices, primary=True)
    return html.page(_TITLE, content + html.form(f"{base}/cancel", "Cancel and go back"))
