"""The services of docker-compose.yml: what they may, what they wait for, and what they keep."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from api.http.running import GRACE_SECONDS
from tests.deploy.compose import (
    LONG_LIVED,
    OURS,
    ROOT,
    SECRETS,
    SERVICES,
    VALKEY_SERVER,
    WORKERS,
    Device,
    Port,
    Project,
    Service,
    compose,
    each,
    env_file_with,
    resolve,
    seconds,
)


def test_accelerators_and_serving_are_asked_for_with_their_profiles_only(project: Project, tmp_path: Path) -> None:
    assert set(project.services) == set(SERVICES)
    assert set(resolve(tmp_path).services) == set(SERVICES) - {"serving", "worker-gpu"}


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


@each("postgres", "redis", "migrate", "api", "serving")
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


@each("api", "migrate", "postgres", "redis", "serving")
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


@each(*WORKERS, "serving")
def test_workers_and_predictions_can_be_scaled(service: Service) -> None:
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
        ("serving", {"api": "service_healthy", "postgres": "service_healthy"}),
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
    ("name", "at_least"),
    [
        ("worker", 60),
        ("worker-gpu", 60),
        ("postgres", 60),
        ("migrate", 60),
        *((name, 30) for name in ("api", "serving")),
    ],
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


def test_the_api_only_reads_image_folders_and_writes_uploads_to_the_storage(project: Project) -> None:
    mounted = project.services["api"].mounted()
    assert {target: mount.source for target, mount in mounted.items()} == {"/data": "data", "/datasets": "datasets"}
    assert {target for target, mount in mounted.items() if mount.read_only} == {"/datasets"}


def test_only_the_gpu_worker_asks_for_accelerators(project: Project) -> None:
    assert {name for name, service in project.services.items() if service.deploy} == {"worker-gpu"}
    deploy = project.services["worker-gpu"].deploy
    assert deploy
    every_one = -1
    assert deploy.resources.reservations.devices == [
        Device(driver="nvidia", count=every_one, capabilities=["gpu"]),
    ]
