"""Pages the customer sees: Checkout, and the bank's 3-D Secure challenge.

Each button is a form that a script can post as well: JSON in and out with `Accept: application/json`.
"""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sandbox.logs import annotate
from sandbox.provider import World
from sandbox.store.documents import JSON, Document
from sandbox.stripe.account import NAME, Account
from sandbox.stripe.errors import StripeError
from sandbox.stripe.money import shown
from sandbox.stripe.resources import charging, checkout
from sandbox.web import hosted, html

_CARDS = {
    "pm_card_visa": "Visa …4242, approved",
    "pm_card_mastercard": "Mastercard …4444, approved",
    "pm_card_threeDSecure2Required": "Visa, asks for 3-D Secure",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "Visa, insufficient funds",
    "pm_card_createDispute": "Visa, disputed afterwards",
    "pm_usBankAccount_success": "Bank debit, succeeds later",
    "pm_usBankAccount_failed": "Bank debit, fails later",
}


_OVER = {"complete": "Paid. Thank you!", "expired": "This page has expired. Nothing was paid here."}


class Pages:
    """The hosted pages of one account."""

    def __init__(self, world: World, account: Account) -> None:
        self._database = world.database
        self._account = account

    def routes(self) -> list[Route]:
        """The routes of the pages."""
        return [
            Route(f"/{NAME}/checkout/{{id}}", self._show_session),
            Route(f"/{NAME}/checkout/{{id}}/pay", self._pay, methods=["POST"]),
            Route(f"/{NAME}/checkout/{{id}}/cancel", self._leave, methods=["GET", "POST"]),
            Route(f"/{NAME}/3ds/{{id}}", self._show_challenge),
            Route(f"/{NAME}/3ds/{{id}}/approve", self._approve, methods=["POST"]),
            Route(f"/{NAME}/3ds/{{id}}/refuse", self._refuse, methods=["POST"]),
        ]

    async def _show_session(self, request: Request) -> Response:
        session = self._find(request, "checkout.session")
        return HTMLResponse(self._session_page(session)) if session else hosted.not_found(request)

    async def _pay(self, request: Request) -> Response:
        fields = await hosted.fields(request)
        token = str(fields.get("payment_method", ""))
        session = self._find(request, "checkout.session")
        if session is None:
            return hosted.not_found(request)
        if session.body["status"] != "open":
            return hosted.problem(request, 409, f"This checkout is {session.body['status']}.")
        try:
            with self._database.transaction():
                intent = checkout.pay(self._account, session, token)
        except StripeError as error:
            return hosted.problem(request, 400, str(error))
        return self._after_attempt(request, intent)

    async def _leave(self, request: Request) -> Response:
        """The customer turns back; the Session stays open."""
        session = self._find(request, "checkout.session")
        if session is None:
            return hosted.not_found(request)
        target = session.body["cancel_url"] or f"{self._account.pages_url}/checkout/{session.id}"
        return hosted.redirect(request, target, {"status": session.body["status"]})

    async def _show_challenge(self, request: Request) -> Response:
        intent = self._find(request, "payment_intent")
        if intent is None or intent.body["status"] != "requires_action":
            return hosted.not_found(request)
        base, body = request.url.path, intent.body
        session = self._session_of(intent)
        target = session.body["success_url"] if session else intent.private.get("return_url")
        bill = html.bill("Your bank, 3-D Secure", _amount(body), body.get("description") or "", target)
        content = f"{bill}<p>Your bank asks: is this you?</p>" + (
            html.form(f"{base}/approve", "Approve", primary=True) + html.form(f"{base}/refuse", "Refuse")
        )
        return HTMLResponse(html.page("3-D Secure", content))

    async def _approve(self, request: Request) -> Response:
        return self._authenticate(request, approved=True)

    async def _refuse(self, request: Request) -> Response:
        return self._authenticate(request, approved=False)

    def _authenticate(self, request: Request, *, approved: bool) -> Response:
        intent = self._find(request, "payment_intent")
        if intent is None:
            return hosted.not_found(request)
        if intent.body["status"] != "requires_action":
            return hosted.problem(request, 409, f"This payment is {intent.body['status']}.")
        with self._database.transaction():
            charging.authenticate(self._account, intent, approved=approved)
        return self._after_attempt(request, intent)

    def _after_attempt(self, request: Request, intent: Document) -> Response:
        """Send the customer where the attempt leads: on, to the bank, or back with the reason."""
        body = intent.body
        summary = {"payment_intent": intent.id, "payment_intent_status": body["status"]}
        session = self._session_of(intent)
        if session is not None:
            summary["status"] = session.body["status"]
        if body["status"] == "requires_action":
            return hosted.redirect(request, charging.challenge_url(self._account, intent), summary)
        if session is None:
            return _back_to_shop(request, intent, summary)
        if body["last_payment_error"] is not None:
            return self._declined(request, session, body["last_payment_error"], summary)
        return hosted.redirect(request, self._success_url(session), summary)

    def _success_url(self, session: Document) -> str:
        return str(session.body["success_url"]).replace("{CHECKOUT_SESSION_ID}", session.id)

    def _declined(self, request: Request, session: Document, error: JSON, summary: JSON) -> Response:
        if hosted.wants_json(request):
            return JSONResponse({**summary, "error": error}, 402)
        return HTMLResponse(self._session_page(session, error["message"]), 402)

    def _session_page(self, session: Document, problem: str = "") -> str:
        body = session.body
        items = ", ".join(
            f"{item['quantity']} × {item['name']}" if item["quantity"] != 1 else item["name"]
            for item in session.private["line_items"]
        )
        amount = _amount({**body, "amount": body["amount_total"]})
        content = html.bill("Stripe Checkout", amount, items, body["success_url"])
        content += html.error(problem) if problem else ""
        if body["status"] != "open":
            words = _OVER.get(body["status"], f"This checkout is {body['status']}.")
            return html.page("Checkout", content + html.over(words, self._success_url(session)))
        base = f"/{NAME}/checkout/{session.id}"
        decline = html.hidden("payment_method", "pm_card_visa_chargeDeclined")
        content += html.form(f"{base}/pay", "Pay", html.select("payment_method", _CARDS), primary=True)
        content += html.form(f"{base}/pay", "Pay with a card that is declined", decline)
        return html.page("Checkout", content + html.form(f"{base}/cancel", "Cancel and go back"))

    def _session_of(self, intent: Document) -> Document | None:
        return self._account.find("checkout.session", str(intent.private.get("session")))

    def _find(self, request: Request, kind: str) -> Document | None:
        document = self._account.find(kind, request.path_params["id"])
        if document is not None:
            annotate(request, object=document.id, tags=document.tags)
        return document


def _amount(body: JSON) -> str:
    return shown(body["amount"], body["currency"])


def _back_to_shop(request: Request, intent: Document, summary: JSON) -> Response:
    """Redirect to the merchant's `return_url` with Stripe's query parameters, if one was given."""
    target = intent.private.get("return_url")
    if target is None:
        if hosted.wants_json(request):
            return JSONResponse(summary)
        return HTMLResponse(html.page("3-D Secure", "<p>Done. You may close this page.</p>"))
    query = urlencode(
        {
            "payment_intent": intent.id,
            "payment_intent_client_secret": intent.body["client_secret"],
            "redirect_status": "failed" if intent.body["last_payment_error"] else "succeeded",
        }
    )
    return hosted.redirect(request, hosted.with_query(target, query), summary)
