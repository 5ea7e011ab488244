"""A shop's own payments, as they are written in an afternoon: one process, Starlette, SQLAlchemy's ORM, Stripe's SDK.

It takes an order, charges a token, and marks the order as paid when Stripe's webhook comes. It has no idempotency keys,
outbox, audit, limits, TLS, retries or recovery: whatever dies in between is lost. `serve` runs it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from decimal import Decimal

import sqlalchemy as sa
import stripe
import uvicorn
from pydantic import BaseModel, Field, ValidationError
from pydantic_settings import BaseSettings
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

THREADS = 16


class Settings(BaseSettings):
    """Where everything is; each by an environment variable of its name."""

    peer_port: int
    peer_database: str
    peer_stripe: str
    peer_stripe_key: str
    peer_webhook_secret: str


class Base(DeclarativeBase):
    """The peer's tables."""


class Order(Base):
    """What is sold."""

    __tablename__ = "peer_orders"
    order_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    reference: Mapped[str]
    amount: Mapped[Decimal] = mapped_column(sa.Numeric(20, 2))
    currency: Mapped[str]
    description: Mapped[str]
    status: Mapped[str] = mapped_column(default="NEW")


class Payment(Base):
    """How it is paid."""

    __tablename__ = "peer_payments"
    payment_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    order_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey(Order.order_id))
    stripe_id: Mapped[str] = mapped_column(default="")
    status: Mapped[str] = mapped_column(default="INITIATED")


class Money(BaseModel):
    """An amount."""

    value: Decimal = Field(gt=0, max_digits=18, decimal_places=2)
    currency: str = Field(pattern="^[A-Z]{3}$")


class NewOrder(BaseModel):
    """What a customer wants to buy."""

    merchant_order_id: str = ""
    amount: Money
    description: str = ""


class NewPayment(BaseModel):
    """How a customer wants to pay."""

    order_id: uuid.UUID
    payment_method: str


class Shop:
    """The shop's endpoints; what waits for the database or for Stripe does so in a thread."""

    def __init__(self, settings: Settings) -> None:
        engine = sa.create_engine(settings.peer_database, pool_size=THREADS)
        Base.metadata.create_all(engine)
        self._sessions: sessionmaker[Session] = sessionmaker(engine, expire_on_commit=False)
        self._stripe = stripe.StripeClient(settings.peer_stripe_key, base_addresses={"api": settings.peer_stripe})
        self._secret = settings.peer_webhook_secret

    async def create_order(self, request: Request) -> Response:
        """Take an order."""
        wanted = NewOrder.model_validate_json(await request.body())
        return JSONResponse(await run_in_threadpool(self._create_order, wanted))

    async def get_order(self, request: Request) -> Response:
        """Show an order."""
        return JSONResponse(await run_in_threadpool(self._get_order, uuid.UUID(request.path_params["order_id"])))

    async def pay(self, request: Request) -> Response:
        """Charge a token for an order."""
        wanted = NewPayment.model_validate_json(await request.body())
        return JSONResponse(await run_in_threadpool(self._pay, wanted))

    async def hook(self, request: Request) -> Response:
        """Hear from Stripe."""
        await run_in_threadpool(self._hook, await request.body(), request.headers)
        return JSONResponse({})

    def _create_order(self, wanted: NewOrder) -> dict[str, str]:
        with self._sessions.begin() as session:
            order = Order(
                reference=wanted.merchant_order_id,
                amount=wanted.amount.value,
                currency=wanted.amount.currency,
                description=wanted.description,
            )
            session.add(order)
        return {"order_id": str(order.order_id), "status": order.status}

    def _get_order(self, order_id: uuid.UUID) -> dict[str, str]:
        with self._sessions() as session:
            order = session.get(Order, order_id)
        if order is None:
            raise HTTPException(404)
        return {"order_id": str(order.order_id), "status": order.status}

    def _pay(self, wanted: NewPayment) -> dict[str, str]:
        with self._sessions.begin() as session:
            order = session.get(Order, wanted.order_id, with_for_update=True)
            if order is None or order.status != "NEW":
                raise HTTPException(400)
            order.status = "PROCESSING"
            payment = Payment(order_id=order.order_id)
            session.add(payment)
        charged = self._stripe.v1.payment_intents.create(
            {
                "amount": int(order.amount * 100),
                "currency": order.currency.lower(),
                "payment_method": wanted.payment_method,
                "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                "confirm": True,
                "metadata": {"order_id": str(order.order_id)},
            },
            {"idempotency_key": str(payment.payment_id)},
        )
        with self._sessions.begin() as session:
            payment.stripe_id, payment.status = charged.id, charged.status
            session.merge(payment)
        return {"payment_id": str(payment.payment_id), "status": charged.status}

    def _hook(self, body: bytes, headers: Mapping[str, str]) -> None:
        event = stripe.Webhook.construct_event(body, headers.get("stripe-signature", ""), self._secret)
        if event.type == "payment_intent.succeeded":
            order_id = uuid.UUID(event.data.object["metadata"]["order_id"])
            with self._sessions.begin() as session:
                session.execute(sa.update(Order).where(Order.order_id == order_id).values(status="SUCCESS"))


def _refused(_: Request, error: Exception) -> Response:
    return JSONResponse({"message": str(error)}, 400)


def serve() -> None:
    """Serve until SIGTERM."""
    settings = Settings()
    shop = Shop(settings)
    routes = [
        Route("/v1/orders", shop.create_order, methods=["POST"]),
        Route("/v1/orders/{order_id}", shop.get_order),
        Route("/v1/payments", shop.pay, methods=["POST"]),
        Route("/hook", shop.hook, methods=["POST"]),
    ]
    app = Starlette(routes=routes, exception_handlers={ValidationError: _refused})
    uvicorn.run(app, host="127.0.0.1", port=settings.peer_port, access_log=False, log_level="warning")


if __name__ == "__main__":
    serve()
