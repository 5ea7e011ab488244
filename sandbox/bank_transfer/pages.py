"""The page that tells the customer how to send a transfer; its button is the customer's own bank."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sandbox.bank_transfer import transfers
from sandbox.bank_transfer.account import PATH, TRANSFER, Account
from sandbox.bank_transfer.payers import PAYERS
from sandbox.logs import annotate
from sandbox.provider import World
from sandbox.store.documents import Document
from sandbox.web import hosted, html

_TITLE = "Pay by bank transfer"
_OVER = {"received": "Paid. Thank you!", "settled": "Paid. Thank you!"}
_IBAN = "DE02 1203 0000 0000 2020 51"


class Pages:
    """The instructions of one account."""

    def __init__(self, world: World, account: Account) -> None:
        self._database = world.database
        self._account = account

    def routes(self) -> list[Route]:
        """The routes of the page and of its buttons."""
        page = f"/{PATH}/pay/{{id}}"
        return [
            Route(page, self._show),
            Route(f"{page}/send", self._send, methods=["POST"]),
            Route(f"{page}/leave", self._leave, methods=["GET", "POST"]),
        ]

    async def _show(self, request: Request) -> Response:
        transfer = self._find(request)
        return HTMLResponse(_page(transfer)) if transfer else hosted.not_found(request)

    async def _send(self, request: Request) -> Response:
        fields = await hosted.fields(request)
        transfer = self._find(request)
        if transfer is None:
            return hosted.not_found(request)
        if transfer.body["status"] != "awaiting_funds":
            return hosted.problem(request, 409, f"This transfer is {transfer.body['status']}.")
        payer, amount = str(fields.get("payer", "ordinary")), str(fields.get("amount") or transfer.body["amount"])
        if payer not in PAYERS:
            return hosted.problem(request, 400, f"payer must be one of {', '.join(PAYERS)}.")
        if not (amount.isascii() and amount.isdigit() and 0 < int(amount) <= transfers.HIGHEST):
            return hosted.problem(request, 400, "amount must be a positive integer of the currency's minor unit.")
        with self._database.transaction():
            transfers.receive(self._account, transfer, int(amount), payer)
        return _back(request, transfer)

    async def _leave(self, request: Request) -> Response:
        """The customer turns back, perhaps to send the money tomorrow; the transfer stays as it is."""
        transfer = self._find(request)
        if transfer is None:
            return hosted.not_found(request)
        return _back(request, transfer, leaving=transfer.body["status"] == "awaiting_funds")

    def _find(self, request: Request) -> Document | None:
        transfer = self._account.find(TRANSFER, request.path_params["id"])
        if transfer is not None:
            annotate(request, object=transfer.id, tags=transfer.tags)
        return transfer


def _back(request: Request, transfer: Document, *, leaving: bool = False) -> Response:
    """To the merchant's site, if it has said where that is."""
    summary = {"id": transfer.id, "status": transfer.body["status"]}
    cancel_url = transfer.private.get("cancel_url") if leaving else None
    if target := cancel_url or transfer.private["return_url"]:
        return hosted.redirect(request, target, summary)
    if hosted.wants_json(request):
        return JSONResponse(summary)
    return HTMLResponse(html.page(_TITLE, "<p>Done. You may close this page.</p>"))


def _page(transfer: Document) -> str:
    body = transfer.body
    target = transfer.private["return_url"]
    amount = f"{body['amount'] // 100}.{body['amount'] % 100:02} {body['currency']}"
    content = html.bill(_TITLE, amount, body["description"], target)
    if body["status"] != "awaiting_funds":
        words = _OVER.get(body["status"], f"This transfer is {body['status']}.")
        return html.page(_TITLE, content + html.over(words, target))
    content += f"<p>Send this amount to<br><b>{_IBAN}</b><br>and write<br><b>{body['payment_reference']}</b></p>"
    base = f"/{PATH}/pay/{transfer.id}"
    choices = html.select("payer", {name: payer.label for name, payer in PAYERS.items()})
    cents = f'<label>In cents <input name="amount" value="{body["amount"]}"></label>'
    content += html.form(f"{base}/send", "Send the transfer", choices + cents, primary=True)
    return html.page(_TITLE, content + html.form(f"{base}/leave", "Go back to the shop"))
