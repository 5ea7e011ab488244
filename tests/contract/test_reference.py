"""What an operator may set, and what a program may read in an error, is named in the reference."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic_settings import BaseSettings

from audit_svc.settings import AuditSettings
from cli.__main__ import COMMANDS, app
from console.settings import ConsoleSettings
from edge.settings import EdgeSettings
from envoy_config.local_replies import local_replies
from envoy_config.options import EnvoyOptions
from mesh.settings import PREFIX, ServiceSettings
from notify_svc.settings import NotifySettings
from order_svc.settings import OrderSettings
from payment_svc.settings import settings_class
from stack.settings import StackSettings
from tests.support.paths import ROOT

SERVICES: dict[str, type[ServiceSettings]] = {
    "order": OrderSettings,
    "payment": settings_class(),
    "notify": NotifySettings,
    "edge": EdgeSettings,
    "audit": AuditSettings,
    "console": ConsoleSettings,
}
FOLDERS = ("mesh", "order_svc", "payment_svc", "notify_svc", "edge", "audit_svc")
"""Of whom callers have errors; the console speaks to browsers."""
REFUSALS = ("ApiError", "invalid", "failed_precondition", "permission_denied", "unavailable", "unauthenticated")
"""What makes an error of the API: classes and functions of `mesh/errors.py`."""


def _page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def _variables(settings: type[BaseSettings]) -> Iterator[str]:
    """Yield the names of a class's variables, of its providers' too, without the prefix."""
    for name, field in settings.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseSettings):
            yield from _variables(inner)
        else:
            yield f"{settings.model_config['env_prefix']}{name}".upper().removeprefix(PREFIX)


def _constants(makers: tuple[str, ...], folders: tuple[str, ...]) -> set[str]:
    """Return the texts that calls of these functions and classes are given as they stand."""
    sources = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    calls = (node for path in sources for node in ast.walk(_parsed(path)) if isinstance(node, ast.Call))
    named = (call for call in calls if getattr(call.func, "id", getattr(call.func, "attr", "")) in makers)
    given = (part for call in named for part in [*call.args, *(one.value for one in call.keywords)])
    return {part.value for part in given if isinstance(part, ast.Constant) and isinstance(part.value, str)}


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_of_a_service_is_named(service: str) -> None:
    """Its own as its own, and of those that all have, which not all use, each somewhere."""
    rows = [line.split(" | ") for line in _page("operations.md").splitlines() if line.startswith("| `")]
    named = [(name, row[1].split(", ")) for row in rows for name in re.findall("`([A-Z0-9_]+)`", row[0])]
    settings, shared = set(_variables(SERVICES[service])), set(_variables(ServiceSettings))
    assert settings - shared - {name for name, of in named if {"all", service} & set(of)} == set()
    assert shared - {name for name, _ in named} == set()


def test_every_setting_of_the_embedded_stack_is_named() -> None:
    prefix = str(StackSettings.model_config["env_prefix"])
    names = {
        str(field.validation_alias or f"{prefix}{name}".upper()) for name, field in StackSettings.model_fields.items()
    }
    table = _page("operations.md").split("### Of the embedded stack\n")[1].split("\n## ")[0]
    named = {
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in re.findall("`([A-Z_]+)`", line.split(" | ")[0])
    }
    assert named == names


def test_every_option_of_envoy_is_named() -> None:
    named = set(re.findall("`([a-z_]+)`", _page("operations.md")))
    assert {field.name for field in fields(EnvoyOptions)} - named == set()


def test_every_reason_of_an_error_is_in_the_reference() -> None:
    said = set(re.findall("`([A-Z_]+)`", _page("errors.md")))
    reasons = {text for text in _constants(REFUSALS, FOLDERS) if re.fullmatch("[A-Z]+(_[A-Z]+)*", text)}
    assert len(reasons) > 70
    assert reasons - said == set()


def test_every_reason_of_the_edge_is_in_the_reference() -> None:
    reasons = set(re.findall("'reason': '([A-Z_]+)'", str(local_replies())))
    assert len(reasons) > 10
    assert reasons - set(re.findall("`([A-Z_]+)`", _page("errors.md"))) == set()


def test_every_code_of_a_failure_is_told() -> None:
    codes = {text for text in _constants(("Failure",), ("payment_svc",)) if re.fullmatch("[a-z]+(_[a-z]+)*", text)}
    contract = (ROOT / "proto" / "fusionx" / "payment" / "v1" / "payment.proto").read_text()
    for page in (_page("payments.md"), _page("guides/handle-errors.md"), contract):
        assert codes - set(re.findall("`([a-z_]+)`", page)) == set()


def test_every_command_that_a_page_names_is_there() -> None:
    """The subcommand, and of a group of them the next word."""
    whole: Any = typer.main.get_command(app)
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "client" / "README.md"]
    named = {
        (page.name, *found)
        for page in pages
        for found in re.findall(
            r"(?:^|`|[$(|] ?)fusionxpay ([a-z]+)(?: ([a-z]+))?(?=[\s`)])", page.read_text(), re.MULTILINE
        )
    }
    assert len(named) > 50
    groups = {name: getattr(whole.get_command(None, name), "commands", {}) for name in COMMANDS}
    missing = {
        one for one in named if one[1] not in COMMANDS or (one[2] and groups[one[1]] and one[2] not in groups[one[1]])
    }
    assert missing == set()
