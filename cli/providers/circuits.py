"""`fusionxpay providers`: which are on, and how their circuits stand."""

from __future__ import annotations

import typer
from fusionx.payment.v1 import provider_service_pb2 as provider_pb2
from fusionx.payment.v1.provider_service_pb2_grpc import ProviderServiceStub
from rich.table import Table

from cli.operator_api import READY_FILE, PaymentTarget, Ready, calling
from cli.tables import show_table


def providers(target: PaymentTarget = "", ready_file: Ready = READY_FILE) -> None:
    """Show the providers that are on, and how their circuits stand in the replica that answers."""
    with calling("payment_svc", target, ready_file) as channel:
        answer = ProviderServiceStub(channel).ListProviders(provider_pb2.ListProvidersRequest(), timeout=10)
    table = Table("provider", "calls in flight", "operation", "circuit", "failures in a row", "open since")
    for provider in answer.providers:
        calls = f"{provider.calls_in_flight} of {provider.max_calls_in_flight}"
        table.add_row(provider.name, calls, "", "", "", "")
        for circuit in provider.circuits:
            state = provider_pb2.Circuit.State.Name(circuit.state)
            since = circuit.open_time.ToJsonString() if circuit.HasField("open_time") else ""
            table.add_row("", "", circuit.operation, state, str(circuit.failures), since)
    show_table(table)
    for provider in answer.providers:
        if provider.HasField("maintenance"):
            until = provider.maintenance.until_time.ToJsonString()
            typer.echo(f"{provider.name}: in maintenance until {until}: {provider.maintenance.why}")
