"""Who uses the gateway beside the shops: customers who come and go, banks, an operator who looks."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from mesh.errors import ApiError
from payment_svc.domain.refund import RefundStatus
from payment_svc.domain.review import Resolution, Review, ReviewKind
from tests.simulation.book import Book, State, Thing
from tests.simulation.world import World


class Customers:
    """Everybody whom a shop has sent to a page."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen: set[str] = set()
        world.on_page = self.meet

    def meet(self, url: str) -> None:
        """Have somebody come to a page; whoever comes back to it later is the same."""
        if url and url not in self._seen:
            self._seen.add(url)
            host, reference = url.removeprefix("https://").split("/")
            book = self._world.services[host.removesuffix(".test")].book
            self._world.spawn(self._visit(book, book.things[reference]))

    async def _visit(self, book: Book, thing: Thing) -> None:
        rng, world = self._world.rng, self._world
        await asyncio.sleep(rng.choice((1, 5, 30, 120, 900)) * rng.uniform(0.5, 1.5))
        if rng.random() < 0.75:
            then = rng.choice(("", "", "", "declines", "slow"))
            world.tell(f"customer at {thing.reference}: pays {then}")
            book.approve(thing, then)
            if thing.state == State.PROCESSING or then == "slow":
                world.spawn(self._bank(book, thing))
            if then == "declines":
                await asyncio.sleep(rng.uniform(5, 120))
                world.tell(f"customer at {thing.reference}: tries again")
                book.approve(thing)

    async def _bank(self, book: Book, thing: Thing) -> None:
        while thing.state not in (State.CAPTURED, State.FAILED, State.CLOSED):
            await asyncio.sleep(self._world.rng.choice((30, 300, 3600)))
            book.settle(thing, self._world.rng.random() < 0.7)
            if thing.state in (State.PAGE, State.APPROVED, State.HELD, State.ACTION):
                return


class Banks:
    """What takes its time: charges of slow tokens, slow refunds."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def live(self) -> None:
        """End now and then what is slow."""
        rng = self._world.rng
        while True:
            await asyncio.sleep(rng.choice((20, 60, 300, 1800)))
            for service in self._world.services.values():
                for thing in {id(one): one for one in service.book.things.values()}.values():
                    if thing.state == State.PROCESSING:
                        service.book.settle(thing, rng.random() < 0.7)
                    for refund_id, made in thing.refunds.items():
                        if made.status == RefundStatus.PENDING:
                            service.book.end_refund(thing, refund_id, rng.random() < 0.8)


class Dashboard:
    """A shop's clerk who works in the provider's dashboard, past the gateway."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def live(self) -> None:
        """Take, free or refund something now and then."""
        world, rng = self._world, self._world.rng
        while True:
            await asyncio.sleep(rng.uniform(20, 400))
            service = rng.choice(list(world.services.values()))
            things = list({id(one): one for one in service.book.things.values()}.values())
            if world.is_healed or not things:
                continue
            thing = rng.choice(things)
            if thing.state == State.HELD:
                world.tell(f"dashboard: takes or frees {thing.reference}")
                if rng.random() < 0.5:
                    service.book.capture(thing.reference, thing.amount)
                else:
                    service.book.cancel(thing.reference)


class Operator:
    """Looks at the queue of reviews, and answers what the provider's dashboard shows."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.answered: list[Review] = []
        self.erred: set[str] = set()
        """Payments of which the answer may have been wrong."""

    async def live(self) -> None:
        """Look every half an hour."""
        while True:
            await asyncio.sleep(1800)
            try:
                found = await self._world.call(
                    "payments", lambda p: p.parts.reviews.page(resolved=False, after=None, limit=100)
                )
            except ApiError:
                continue
            for review in found:
                # what the provider contradicts is refused, and ends by itself
                with suppress(ApiError):
                    await self._answer(review)

    async def _answer(self, review: Review) -> None:
        answer = self._what_happened(review)
        if review.kind == ReviewKind.UNKNOWN_OUTCOME and self._world.rng.random() < 0.2:
            # looked at the wrong line
            answer = Resolution.NOT_CAPTURED
            self.erred.add(str(review.payment_id))
        self._world.tell(f"operator: {review.kind} of {review.payment_id}: {answer} ({review.reason})")
        await self._world.call(
            "payments", lambda p: p.parts.reviews.resolve(review.review_id, answer, "operator", "the dashboard says so")
        )
        self.answered.append(review)

    def _what_happened(self, review: Review) -> Resolution:
        books = [service.book for service in self._world.services.values()]
        mine = [t for book in books for t in book.things.values() if t.payment_id == str(review.payment_id)]
        if review.kind == ReviewKind.UNKNOWN_REFUND:
            made = any(str(review.refund_id) in t.refunds for t in mine)
            return Resolution.CAPTURED if made else Resolution.NOT_CAPTURED
        if review.kind == ReviewKind.UNKNOWN_OUTCOME:
            return Resolution.CAPTURED if any(t.captured for t in mine) else Resolution.NOT_CAPTURED
        if review.kind == ReviewKind.AMOUNT_DIFFERS and review.refund_id:
            return Resolution.NOT_CAPTURED if review.held is None else Resolution.CAPTURED
        if review.kind == ReviewKind.FOREIGN_CAPTURE:
            return Resolution.NOT_CAPTURED
        return Resolution.GIVE_BACK if any(t.kept for t in mine) else Resolution.NOT_CAPTURED
