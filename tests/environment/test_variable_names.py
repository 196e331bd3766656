"""Variables that begin as settings do, and are none."""

import pytest

from environment.variable_names import other_names
from settings import Settings, read_settings

SETTINGS = [f"EPOCHAL_{name.upper()}" for name in Settings.model_fields]

OF_KUBERNETES = {
    f"EPOCHAL{service}_{name}": value
    for service in ("", "_API", "_REDIS", "_REDIS_URL", "_DATABASE_URL", "_PORT", "_HOST")
    for name, value in {
        "PORT": "tcp://10.0.0.1:8000",
        "PORT_8000_TCP": "tcp://10.0.0.1:8000",
        "PORT_8000_TCP_ADDR": "10.0.0.1",
        "PORT_8000_TCP_PORT": "8000",
        "PORT_8000_TCP_PROTO": "tcp",
        "PORT_53_UDP": "udp://[fd00::1]:53",
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "8000",
        "SERVICE_PORT_HTTP": "8000",
    }.items()
}


def test_what_the_client_and_kubernetes_set_keeps_no_program_from_starting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {**OF_KUBERNETES, "EPOCHAL_URL": "http://h", "EPOCHAL_API_KEY": "epochal_x.y"}.items():
        monkeypatch.setenv(name, value)
    assert read_settings() == Settings.model_construct(**Settings().model_dump())
    assert read_settings().port == 8000
    assert capsys.readouterr() == ("", "")


def test_a_service_s_address_is_taken_for_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCHAL_PORT", "udp://[fd00::1]:8123")
    assert read_settings().port == 8000
    monkeypatch.setenv("EPOCHAL_PORT", "http://10.0.0.1:8000")  # which Kubernetes does not set
    with pytest.raises(SystemExit, match="EPOCHAL_PORT: Input should be a valid integer"):
        read_settings()


@pytest.mark.parametrize(
    ("name", "meant"),
    [("PROT", "PORT"), ("PORTS", "PORT"), ("LOGLEVEL", "LOG_LEVEL"), ("DATABSE_URL", "DATABASE_URL"),
     ("REDIS", "REDIS_URL"), ("DATADIR", "DATA_DIR"), ("WORKER_SLOT", "WORKER_SLOTS"), ("STORAGE", "STORAGE_URL")],
)  # fmt: skip
def test_a_misspelt_setting_ends_the_program(name: str, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"EPOCHAL_{name}", "hunter2")
    with pytest.raises(SystemExit) as ended:
        read_settings()
    assert ended.value.code == f"EPOCHAL_{name} is no setting: did you mean EPOCHAL_{meant}?"


def test_what_is_like_no_setting_is_told_and_ignored(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EPOCHAL_VERSION", "hunter2")
    read_settings()
    assert capsys.readouterr().err == "EPOCHAL_VERSION is no setting, and is ignored: docs/operations.md lists them.\n"


def test_a_setting_in_small_letters_is_one() -> None:
    names = other_names({"epochal_port": "1", "Epochal_Url": "2"}, SETTINGS)
    assert (names.misspelt, list(names.unknown)) == ({}, [])
