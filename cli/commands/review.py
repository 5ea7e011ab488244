"""`fusionxpay review`: what only a person can say about money. List the questions, look at one, answer it."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer
from fusionx.payment.v1 import review_service_pb2 as review_pb2
from fusionx.payment.v1.review_service_pb2_grpc import ReviewServiceStub
from rich.console import Console
from rich.table import Table

from cli.operator_api import READY_FILE, AsJson, PaymentTarget, Ready, calling
from cli.tables import show_table
from mesh.messages import document

TIMEOUT_SECONDS = 30.0
PAGE = 100
EX_OPEN = 1

app = typer.Typer(help="Reviews: what only a person can say about money.", no_args_is_help=True)
ReviewId = Annotated[str, typer.Argument(help="The id of the review.")]


class Answer(StrEnum):
    """What a person found out, or decided."""

    CAPTURED = "captured"
    NOT_CAPTURED = "not_captured"
    GIVE_BACK = "give_back"


@app.command("list")
def list_reviews(
    resolved: Annotated[bool, typer.Option("--all", help="Those that were answered, too.")] = False,
    as_json: AsJson = False,
    target: PaymentTarget = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """List reviews, oldest first. Exit status: 0 when none is open, 1 when there are, 69 when the service is away."""
    found: list[review_pb2.Review] = []
    with calling("payment_svc", target, ready_file) as channel:
        stub, token = ReviewServiceStub(channel), ""
        while True:
            request = review_pb2.ListReviewsRequest(include_resolved=resolved, page_size=PAGE, page_token=token)
            page = stub.ListReviews(request, timeout=TIMEOUT_SECONDS)
            found.extend(page.reviews)
            token = page.next_page_token
            if not token:
                break
    if as_json:
        typer.echo(json.dumps([document(one) for one in found], indent=2))
    else:
        _print(Console(), found)
    raise typer.Exit(EX_OPEN if any(not one.HasField("resolve_time") for one in found) else 0)


@app.command()
def show(review_id: ReviewId, target: PaymentTarget = "", ready_file: Ready = READY_FILE) -> None:
    """Show one review with what is known."""
    with calling("payment_svc", target, ready_file) as channel:
        request = review_pb2.GetReviewRequest(review_id=review_id)
        found = ReviewServiceStub(channel).GetReview(request, timeout=TIMEOUT_SECONDS)
    typer.echo(json.dumps(document(found), indent=2))


@app.command()
def resolve(
    review_id: ReviewId,
    answer: Annotated[Answer, typer.Argument(help="captured, not_captured or give_back.")],
    operator: Annotated[str, typer.Option("--by", help="Who answers.")],
    why: Annotated[str, typer.Option(help="Why, for whoever reads it later.")],
    target: PaymentTarget = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """Answer a review. Above an amount in the settings a second person has to give the same answer."""
    with calling("payment_svc", target, ready_file) as channel:
        request = review_pb2.ResolveReviewRequest(
            review_id=review_id,
            resolution=review_pb2.Review.Resolution.Value(answer.name),
            operator=operator,
            why=why,
        )
        found = ReviewServiceStub(channel).ResolveReview(request, timeout=TIMEOUT_SECONDS)
    waits = "" if found.HasField("resolve_time") else "; a second person has to give the same answer"
    typer.echo(f"{found.review_id}: {answer}{waits}")


@app.command()
def refunds(
    payment_ids: Annotated[list[str], typer.Argument(help="The ids of the payments.")],
    target: PaymentTarget = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """Write down what the provider lists as given back of payments, and is not known here: made there, or lost here.

    Exit status: 1 when something does not fit; a review asks about it.
    """
    differs = False
    for payment_id in payment_ids:
        with calling("payment_svc", target, ready_file) as channel:
            request = review_pb2.RefreshRefundsRequest(payment_id=payment_id)
            found = ReviewServiceStub(channel).RefreshRefunds(request, timeout=TIMEOUT_SECONDS)
        back = found.refunded_amount
        typer.echo(f"{payment_id}: {found.booked} written down; {back.value} {back.currency} went back by now")
        for why in found.differing:
            differs = True
            typer.echo(f"  a review asks: {why}")
    raise typer.Exit(EX_OPEN if differs else 0)


def _print(console: Console, found: list[review_pb2.Review]) -> None:
    """Print reviews so that no id is cut."""
    table = Table("review", "kind", "amount", "payment", "reason", box=None)
    for column in table.columns[:4]:
        column.no_wrap = True
    for one in found:
        table.add_row(*_row(one))
    if found:
        show_table(table, console)
    else:
        console.print("nothing waits for a person")


def _row(one: review_pb2.Review) -> tuple[Any, ...]:
    kind = review_pb2.Review.Kind.Name(one.kind)
    return one.review_id, kind, f"{one.amount.value} {one.amount.currency}", one.payment_id, one.reason
