from __future__ import annotations

from pathlib import Path

import pytest

from mesh.settings import EX_CONFIG, ServiceSettings, load

URL = "postgresql://user:password@host/name"


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "DATABASE_URL_FILE", "TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CA_FILE"):
        monkeypatch.delenv(f"FUSIONXPAY_{name}", raising=False)


def test_secret_is_read_from_the_file_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "url"
    file.write_text(f"{URL}\n")
    monkeypatch.setenv("FUSIONXPAY_DATABASE_URL_FILE", str(file))
    assert load(ServiceSettings).database_url == URL


def test_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://other/name")
    monkeypatch.setenv("FUSIONXPAY_DATABASE_URL_FILE", str(file))
    monkeypatch.setenv("FUSIONXPAY_DATABASE_URL", URL)
    assert load(ServiceSettings).database_url == URL


@pytest.mark.parametrize("content", [None, "mysql://user:secret-word@host", "\x00"])
def test_file_that_does_not_help_is_named_and_not_shown(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "url"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("FUSIONXPAY_DATABASE_URL_FILE", str(file))
    with pytest.raises(SystemExit) as ended:
        load(ServiceSettings)
    assert ended.value.code == EX_CONFIG
    said = capsys.readouterr().err
    assert "FUSIONXPAY_DATABASE_URL" in said
    assert "secret-word" not in said
