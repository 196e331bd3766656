"""Settings and secrets of docker-compose.yml, and the commands in the documentation that make them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from access import keys
from models import Database
from settings import Settings
from tests.conftest import Databases
from tests.deploy.compose import (
    LIMITS,
    OURS,
    PASSED_ON,
    ROOT,
    SECRETS,
    VARIABLE,
    WORKERS,
    Project,
    Service,
    compose,
    each,
    resolve,
)


@each(*OURS)
def test_the_settings_of_our_containers_are_read(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {name: value for name, value in service.environment.items() if not name.startswith(("AWS_", "OTEL_"))}
    for name, value in settings.items():
        assert value is not None
        monkeypatch.setenv(name, value)

    assert set(settings) <= {f"EPOCHAL_{name.upper()}" for name in Settings.model_fields}
    assert Settings().database_url.get_secret_value() == "postgresql://epochal:aa11@postgres:5432/epochal"


def test_every_setting_can_be_set(project: Project) -> None:
    """But for those that are of no use in containers, or that the files decide."""
    decided = {f"EPOCHAL_{name}" for name in ("REQUIRE_KEYS", "DOWNLOADS_DIR", "HOST", "PORT")}
    names = {name for service in project.services.values() for name in service.environment}
    assert {f"EPOCHAL_{name.upper()}" for name in Settings.model_fields} - names == decided


@each("api", *WORKERS)
def test_the_stores_passwords_are_the_ones_in_use(service: Service, project: Project) -> None:
    assert service.environment["EPOCHAL_REDIS_URL"] == "redis://:bb22@redis:6379/0"
    assert project.services["postgres"].environment["POSTGRES_PASSWORD"] == "aa11"
    assert project.services["redis"].environment["VALKEYCLI_AUTH"] == "bb22"


@each("api", *WORKERS)
def test_files_are_looked_for_where_the_volumes_are(service: Service) -> None:
    folders = {value for name, value in service.environment.items() if name.endswith("_DIR")}
    assert folders == set(service.mounted())


def test_the_api_and_the_workers_have_one_storage_on_their_shared_volume(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("api", "serving", *WORKERS):
        service = project.services[name]
        for variable in ("EPOCHAL_DATA_DIR", "EPOCHAL_STORAGE_URL"):
            monkeypatch.setenv(variable, service.environment[variable] or "")
        assert Settings().storage_url == "file:///data/storage"
        assert service.mounted()["/data"].source == "data"


def test_a_storage_in_s3_is_passed_on_with_what_leads_to_it(project: Project, tmp_path: Path) -> None:
    names = [name for name in PASSED_ON.findall((ROOT / "docker-compose.yml").read_text()) if name.startswith("AWS_")]
    assert names
    given = {"EPOCHAL_STORAGE_URL": "s3://bucket/prefix", **{name: f"its-{name}" for name in names}}
    resolved = resolve(tmp_path, "--profile=gpu", "--profile=serving", **given)

    for name in ("api", "serving", *WORKERS):
        assert {variable: resolved.services[name].environment[variable] for variable in given} == given
        assert all(project.services[name].environment[variable] is None for variable in names)


def test_other_stores_can_be_used_instead(tmp_path: Path) -> None:
    addresses = {
        "EPOCHAL_DATABASE_URL": "postgresql://a:b@db.example/epochal",
        "EPOCHAL_REDIS_URL": "rediss://:c@r.example",
    }
    services = resolve(tmp_path, **addresses).services

    assert services["migrate"].environment == {"EPOCHAL_DATABASE_URL": addresses["EPOCHAL_DATABASE_URL"]}
    for name in ("api", "worker"):
        assert services[name].environment.items() >= addresses.items()


def test_the_example_lists_every_variable_and_no_other() -> None:
    listed = re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    text = (ROOT / "docker-compose.yml").read_text()
    substituted, passed_on = set(VARIABLE.findall(text)), set(PASSED_ON.findall(text))

    assert sorted(listed) == sorted(substituted | passed_on)
    assert substituted - {f"EPOCHAL_{name.upper()}" for name in Settings.model_fields} == {*SECRETS, *LIMITS}


def test_the_example_alone_starts_nothing(tmp_path: Path) -> None:
    shutil.copy(ROOT / ".env.example", tmp_path / ".env")
    assert compose(tmp_path / ".env", "config", "--quiet").returncode != 0


def test_the_documented_first_line_makes_the_secrets(tmp_path: Path) -> None:
    shutil.copy(ROOT / ".env.example", tmp_path)
    (line,) = re.findall(r"^.*\.env\.example > \.env.*$", (ROOT / "docs/deployment.md").read_text(), re.MULTILINE)
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True, timeout=240)

    env_file = tmp_path / ".env"
    secrets = dict(re.findall(r"^([A-Z_]+)=([0-9a-f]{64})$", env_file.read_text(), re.MULTILINE))
    assert set(secrets) == set(SECRETS)
    assert len(set(secrets.values())) == len(SECRETS)
    assert env_file.stat().st_mode & 0o077 == 0
    assert compose(env_file, "config", "--quiet").returncode == 0


def test_the_documented_second_line_makes_the_operator_s_key(
    tmp_path: Path, project: Project, sqlite_databases: Databases
) -> None:
    (line,) = re.findall(r"^.*> secrets/admin_key.*$", (ROOT / "docs/deployment.md").read_text(), re.MULTILINE)
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True, timeout=240)
    file = tmp_path / "secrets/admin_key"
    assert (file.parent.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o644)
    assert project.secrets["admin_key"].file.endswith("/secrets/admin_key")
    assert project.services["api"].environment["EPOCHAL_ADMIN_KEY_FILE"] == "/run/secrets/admin_key"
    with sqlite_databases(migrated=True) as url:
        database = Database(url)
        with database.session() as session:
            keys.require_operator(session, file)
            assert keys.authenticate(session, file.read_text().strip()).is_operator
        database.dispose()
