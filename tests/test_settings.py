from pathlib import Path

import pytest

from settings import Settings, read_settings


def test_without_any_variable_everything_lies_below_one_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = read_settings()
    assert settings.data_dir == tmp_path / "data"
    assert settings.datasets_dir == tmp_path / "data/datasets"
    assert settings.database_url.get_secret_value() == f"sqlite:///{tmp_path}/data/epochal.db"
    assert settings.storage_url == f"file://{tmp_path}/data/storage"
    assert settings.redis_url is None


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("EPOCHAL_PORT", "abc", "EPOCHAL_PORT: Input should be a valid integer"),
        ("EPOCHAL_PORT", "99999", "EPOCHAL_PORT: Input should be less than or equal to 65535"),
        ("EPOCHAL_PROT", "8000", "EPOCHAL_PROT is no setting: did you mean EPOCHAL_PORT?"),
        ("EPOCHAL_DATABASE_URL", "sqlite://", "EPOCHAL_DATABASE_URL: Value error, should be an address that begins"),
        ("EPOCHAL_DATABASE_URL", "mysql://host/name", "sqlite:/// or postgresql:// or postgresql+psycopg://"),
        ("EPOCHAL_STORAGE_URL", "data/storage", "EPOCHAL_STORAGE_URL: Value error, should be file:///"),
        ("EPOCHAL_STORAGE_URL", "file://data/storage", "should be file:///an/absolute/folder"),
        ("EPOCHAL_STORAGE_URL", "gs://bucket", "or s3://bucket/prefix"),
        ("EPOCHAL_STALL_SECONDS", "1", "EPOCHAL_STALL_SECONDS: Input should be greater than or equal to 5"),
        ("EPOCHAL_STALL_SECONDS", "86401", "less than or equal to 86400"),
        ("EPOCHAL_REDIS_URL", "amqp://host", "EPOCHAL_REDIS_URL: Value error, should be an address that begins"),
    ],
)
def test_a_variable_that_is_wrong_ends_the_program_in_one_line(
    variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as ended:
        read_settings()
    assert said in str(ended.value)
    assert "\n" not in str(ended.value)


@pytest.mark.parametrize("url", ["file:///srv/epochal", "s3://bucket", "s3://bucket/a/prefix"])
def test_the_storage_may_lie_elsewhere(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCHAL_STORAGE_URL", url)
    assert read_settings().storage_url == url


def test_no_secret_is_shown() -> None:
    settings = Settings.model_validate(
        {"redis_url": "redis://:secret@host", "database_url": "postgresql://u:secret@h/d"}
    )
    assert "secret" not in repr(settings)
