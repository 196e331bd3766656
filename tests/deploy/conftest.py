import pytest

from tests.deploy.compose import Project, Service, resolve


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return resolve(tmp_path_factory.mktemp("compose"), "--profile=gpu", "--profile=serving")


@pytest.fixture
def service(project: Project, request: pytest.FixtureRequest) -> Service:
    return project.services[request.param]
