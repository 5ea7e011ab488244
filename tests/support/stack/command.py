"""The command line, run as the operator of a stack."""

from __future__ import annotations

from typer.testing import CliRunner, Result

from cli.__main__ import app
from cli.operator_api import variable_of
from stack.stack import Ready
from tests.support.stack.mesh import operator_environment


def run_command(gateway: Ready, *arguments: str) -> Result:
    """Run a command that asks the services of a stack."""
    targets = {variable_of(name): address for name, address in gateway.services.items()}
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "300"} | targets | operator_environment(gateway))
