"""The API is what its OpenAPI document says: odd requests of every kind get documented answers, and never a 5xx."""

from __future__ import annotations

import json

import httpx

from cli.stack import Ready
from edge.openapi import RENDERED, document
from edge.routes import contract_routes
from tests.fuzz import fuzz
from tests.support.merchant import Merchant

SECONDS = 20


def test_odd_requests_get_documented_answers(gateway: Ready, merchant: Merchant):
    done = fuzz(gateway, merchant.secret, SECONDS, seed=1)
    assert done.returncode == 0, done.stdout + done.stderr


def test_document_is_what_the_contracts_say():
    assert json.loads(RENDERED.read_text()) == document()


def test_every_public_route_is_documented_with_words():
    paths = document()["paths"]
    for route in contract_routes():
        operation = paths[route.template][route.method.lower()]
        assert operation["summary"], route.template
        assert operation["operationId"]
    names = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert len(names) == len(set(names))


def test_wrong_method_is_told_which_there_are(gateway: Ready, merchant: Merchant):
    answer = merchant.http.delete("/v1/orders")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    answer = httpx.put(f"{gateway.edge_url}/v1/provider_accounts")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_header_whose_name_grpc_does_not_know_is_no_error(merchant: Merchant):
    odd = {"^": "a", "wm`eq0d#5": "x", "x.dots": "1", "-leading": "2"}
    assert merchant.http.get("/v1/orders", headers=odd).status_code == 200
