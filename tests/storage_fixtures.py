"""A real S3 server for the tests: `pytest_plugins = ("tests.storage_fixtures",)` in the module that wants it.

| fixture | what it gives |
|---|---|
| `s3_server` | moto's server, one a module, with the empty bucket `BUCKET`; the AWS_* variables lead to it |
| `s3_url` | a storage's address in it that no other test has |
"""

from collections.abc import Iterator
from http.client import HTTPConnection
from itertools import count

import pytest
from moto.server import ThreadedMotoServer

BUCKET = "epochal-tests"

_numbers = count()


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """The server's address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", address)
        environment.setenv("AWS_ACCESS_KEY_ID", "tests")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "tests")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        # Whoever runs the tests may have an account of their own.
        environment.setenv("AWS_CONFIG_FILE", "/dev/null")
        environment.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        environment.delenv("AWS_PROFILE", raising=False)
        environment.delenv("AWS_SESSION_TOKEN", raising=False)
        make_bucket(host, port)
        yield address
    server.stop()


@pytest.fixture
def s3_url(s3_server: str) -> str:
    return f"s3://{BUCKET}/test-{next(_numbers)}"


def make_bucket(host: str, port: int) -> None:
    connection = HTTPConnection(host, port, timeout=240)
    connection.request("PUT", f"/{BUCKET}")
    assert connection.getresponse().status == 200
    connection.close()
