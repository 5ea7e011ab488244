"""The contract that keeps an SDK in its package names whoever else imports it, and nobody for what is shared."""

from __future__ import annotations

import pytest
from grimp import ImportGraph

from tools.sdk_contract import SdkContract

SDK_IMPORTERS = [("app.providers.one.adapter", "one_sdk"), ("app.providers.one.adapter", "httpx")]


def _intruders(*imports: tuple[str, str]) -> list[tuple[str, str, str]]:
    graph = ImportGraph()
    for module in ("app", "app.providers", "app.providers.base", "app.use_cases"):
        graph.add_module(module)
    for name in ("one", "two"):
        graph.add_module(f"app.providers.{name}")
        graph.add_module(f"app.providers.{name}.adapter")
    for sdk in ("one_sdk", "httpx", "json"):
        graph.add_module(sdk, is_squashed=True)
    for importer, imported in (*SDK_IMPORTERS, *imports):
        graph.add_import(importer=importer, imported=imported)
    options = {"packages": "app.providers.*", "shared": ["httpx"]}
    check = SdkContract("sdks", {}, options).check(graph, verbose=False)
    found: list[tuple[str, str, str]] = check.metadata["intruders"]
    assert check.kept == (not found)
    return found


def test_library_of_one_package_is_its_own() -> None:
    assert _intruders() == []


@pytest.mark.parametrize("importer", ["app.use_cases", "app.providers.base", "app.providers.two.adapter"])
def test_whoever_else_imports_it_is_named(importer: str) -> None:
    assert (importer, "one_sdk", "app.providers.one") in _intruders((importer, "one_sdk"))


@pytest.mark.parametrize("library", ["httpx", "json"])
def test_shared_and_standard_libraries_are_everybodys(library: str) -> None:
    assert _intruders(("app.providers.one.adapter", library), ("app.use_cases", library)) == []
