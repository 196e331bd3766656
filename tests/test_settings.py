from pathlib import Path

import pytest

from migrations import migrate
from models import Database
from settings import Settings, read_settings
from storage import Storage


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
        ("EPOCHAL_DATABASE_URL", "sqlite://", "EPOCHAL_DATABASE_URL: should have an absolute path"),
        (
            "EPOCHAL_DATABASE_URL",
            "mysql://host/name",
            "EPOCHAL_DATABASE_URL: should be sqlite:////absolute/path or postgresql://user:password@host:5432/name",
        ),
        ("EPOCHAL_STORAGE_URL", "data/storage", "EPOCHAL_STORAGE_URL: should be file:///"),
        ("EPOCHAL_STORAGE_URL", "file://data/storage", "should be file:///an/absolute/folder"),
        ("EPOCHAL_STORAGE_URL", "gs://bucket", "or s3://bucket/prefix"),
        ("EPOCHAL_STORAGE_URL", "file:///a?hunter2", "EPOCHAL_STORAGE_URL: should be file:///"),
        ("EPOCHAL_STORAGE_URL", "file:///a#hunter2", "EPOCHAL_STORAGE_URL: should be file:///"),
        ("EPOCHAL_STORAGE_URL", "file:///a%hunter2", "EPOCHAL_STORAGE_URL: should be file:///"),
        ("EPOCHAL_STORAGE_URL", "s3://hunter2:x@bucket", "EPOCHAL_STORAGE_URL: should be file:///"),
        ("EPOCHAL_HOST", "[::1]", "EPOCHAL_HOST: should be an IP address, without brackets"),
        ("EPOCHAL_HOST", "hunter2 x", "EPOCHAL_HOST: should be an IP address"),
        ("EPOCHAL_WEBHOOK_NETWORKS", "10.0.0.0/8,hunter2", "EPOCHAL_WEBHOOK_NETWORKS: should be networks like"),
        ("EPOCHAL_WEBHOOK_NETWORKS", "10.0.0.1/8", "EPOCHAL_WEBHOOK_NETWORKS: should be networks like"),
        ("EPOCHAL_DATA_DIR", "~hunter2/data", "EPOCHAL_DATA_DIR: begins with ~ and no user's name"),
        ("EPOCHAL_DATA_DIR", "/etc/passwd", "EPOCHAL_DATA_DIR: is no folder"),
        ("EPOCHAL_DATA_DIR", "/etc/passwd/hunter2", "EPOCHAL_DATA_DIR: cannot be looked at"),
        ("EPOCHAL_DATA_DIR", "/hunter2\udcff", "EPOCHAL_DATA_DIR: should be a path in UTF-8"),
        ("EPOCHAL_DATA_DIR", f"/{'hunter2' * 99}", "EPOCHAL_DATA_DIR: cannot be looked at: File name too long"),
        ("EPOCHAL_DATASETS_DIR", "/etc/passwd", "EPOCHAL_DATASETS_DIR: is no folder"),
        ("EPOCHAL_DOWNLOADS_DIR", "/etc/passwd", "EPOCHAL_DOWNLOADS_DIR: is no folder"),
        ("EPOCHAL_ADMIN_KEY_FILE", "~hunter2/key", "EPOCHAL_ADMIN_KEY_FILE: begins with ~"),
        ("EPOCHAL_LOG_LEVEL", "hunter2", "EPOCHAL_LOG_LEVEL: Input should be 'debug', 'info'"),
        ("EPOCHAL_LEASE_SECONDS", "nan", "EPOCHAL_LEASE_SECONDS: Input should be "),
        ("EPOCHAL_RATE_LIMIT", "hunter2", "EPOCHAL_RATE_LIMIT: Input should be a valid integer"),
        ("EPOCHAL_STALL_SECONDS", "1", "EPOCHAL_STALL_SECONDS: Input should be greater than or equal to 5"),
        ("EPOCHAL_STALL_SECONDS", "86401", "less than or equal to 86400"),
        ("EPOCHAL_REDIS_URL", "amqp://host", "EPOCHAL_REDIS_URL: should be redis://"),
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
    assert "hunter2" not in str(ended.value)


@pytest.mark.parametrize("name", ["runs?1", "runs#1", "runs%201", "a b", "a\nb", "'\"\\", "é😀", "x~"])
def test_everything_lies_in_exactly_the_folder_that_the_setting_names(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EPOCHAL_DATA_DIR", f"./{name}")
    settings = read_settings()
    database = Database(settings.database_url.get_secret_value())
    migrate(database)
    database.dispose()
    Storage(settings.storage_url).put("job_1/1/weights", b"content")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["epochal.db", "storage"]


@pytest.mark.parametrize("url", ["file:///srv/epochal", "s3://bucket", "s3://bucket/a/prefix"])
def test_the_storage_may_lie_elsewhere(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCHAL_STORAGE_URL", url)
    assert read_settings().storage_url == url


def test_no_secret_is_shown() -> None:
    settings = Settings.model_validate(
        {"redis_url": "redis://:secret@host", "database_url": "postgresql://u:secret@h/d"}
    )
    assert "secret" not in repr(settings)
