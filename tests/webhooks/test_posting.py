"""One message over HTTP: to the address that was checked, in bounded time, with a cause where it does not arrive."""

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_network
from pathlib import Path
from threading import Event, Thread

import httpcore2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.webhooks.conftest import LOOPBACK, Receiver, receiving
from webhooks.posting import MOST_REDIRECTS, Deadline, Outcome, Poster

HEADERS = {"webhook-id": "msg_1"}
GLOBAL = "93.184.215.14"
ONE_ADDRESS = (ip_network("127.0.0.1/32"),)


def post(url: str, *, poster: Poster | None = None, seconds: float = 10.0) -> Outcome:
    return (poster or Poster(LOOPBACK)).post(url, HEADERS, '{"type":"é"}', Deadline(seconds))


def port_of(receiver: Receiver) -> int:
    return int(receiver.url.rpartition(":")[2].partition("/")[0])


def test_message_arrives_as_it_is(receiver: Receiver) -> None:
    assert post(f"{receiver.url}?a=b") == Outcome(204)
    [got] = receiver.received
    assert (got.path, got.body.decode()) == ("/hook?a=b", '{"type":"é"}')
    assert got.headers == {
        "host": f"127.0.0.1:{port_of(receiver)}",
        "content-type": "application/json",
        "content-length": "13",
        "user-agent": "Epochal",
        "webhook-id": "msg_1",
    }


@pytest.mark.parametrize("status", [200, 201, 299])
def test_any_2xx_is_an_arrival(receiver: Receiver, status: int) -> None:
    receiver.answer = lambda _request: (status, {})
    assert post(receiver.url) == Outcome(status)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 400, 404, 410, 500, 503, 599])
def test_anything_else_is_none(receiver: Receiver, status: int) -> None:
    receiver.answer = lambda _request: (status, {"Location": "/elsewhere"})
    assert post(receiver.url) == Outcome(status, f"The receiver answered {status}, not 2xx.")
    assert len(receiver.received) == 1


def test_environment_has_no_say(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert post(receiver.url) == Outcome(204)
        assert proxy.received == []


def test_name_is_looked_up_once_and_its_checked_address_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that answers with a public address, and a moment later with one inside, is not asked again."""
    asked, connected = [], []

    def rebinding(name: str, _port: int) -> Sequence[str]:
        asked.append(name)
        return [GLOBAL] if len(asked) == 1 else ["127.0.0.1"]

    def connect(_backend: object, host: str, port: int, *_rest: object) -> httpcore2.NetworkStream:
        connected.append((host, port))
        raise httpcore2.ConnectError("not here")

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", connect)
    outcome = post("https://rebinding.example/", poster=Poster((), lookup=rebinding))
    assert outcome == Outcome(error="The receiver could not be connected to: the network does not lead there.")
    assert (asked, connected) == (["rebinding.example"], [(GLOBAL, 443)])
    assert post("https://rebinding.example/", poster=Poster((), lookup=rebinding)).error
    assert connected == [(GLOBAL, 443)]


def test_second_answer_of_a_name_server_reaches_nobody(receiver: Receiver) -> None:
    """The same with real sockets: one network is allowed, the other is what must not be reached."""
    answers = [["127.0.0.1"], ["127.0.0.2"]]
    with receiving("127.0.0.2", port_of(receiver)) as inside:
        poster = Poster(ONE_ADDRESS, lookup=lambda *_: answers.pop(0))
        url = f"http://rebinding.example:{port_of(receiver)}/hook"
        assert post(url, poster=poster) == Outcome(204)
        assert answers == [["127.0.0.2"]]
        refused = post(url, poster=poster)
        assert refused.error
        assert "public Internet" in refused.error
        assert (len(receiver.received), inside.received) == (1, [])
    assert receiver.received[0].headers["host"] == f"rebinding.example:{port_of(receiver)}"


def test_next_address_is_tried_where_one_does_not_answer(receiver: Receiver) -> None:
    poster = Poster(LOOPBACK, lookup=lambda *_: ["127.0.0.3", "127.0.0.1"])  # nobody listens at the first
    assert post(f"http://two.example:{port_of(receiver)}/hook", poster=poster) == Outcome(204)


@pytest.mark.parametrize("status", [307, 308])
def test_redirect_is_followed_with_the_same_message(receiver: Receiver, status: int) -> None:
    with receiving("127.0.0.2") as second:
        receiver.answer = lambda _request: (status, {"Location": second.url})
        assert post(receiver.url) == Outcome(204)
    assert second.received[0].body == receiver.received[0].body
    assert second.received[0].headers["webhook-id"] == "msg_1"


def test_redirect_to_a_path_stays_with_the_receiver(receiver: Receiver) -> None:
    receiver.answer = lambda request: (204, {}) if request.path == "/new" else (307, {"Location": "/new"})
    assert post(receiver.url) == Outcome(204)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://127.0.0.2:{port}/", "public Internet"),
        ("http://inside.example:{port}/", "public Internet"),
        ("//127.0.0.2:{port}/", "public Internet"),
        ("http://[::1]:{port}/", "public Internet"),
        ("http://2130706434:{port}/", "usual form"),
        ("file:///etc/passwd", "https://"),
        ("http://user:password@127.0.0.1:{port}/", "no user name"),
        ("http://[::1", "no URL"),
    ],
)
def test_redirect_to_elsewhere_is_refused(receiver: Receiver, location: str, reason: str) -> None:
    with receiving("127.0.0.2") as inside:
        receiver.answer = lambda _request: (307, {"Location": location.format(port=port_of(inside))})
        outcome = post(receiver.url, poster=Poster(ONE_ADDRESS, lookup=lambda *_: ["127.0.0.2"]))
        assert inside.received == []
    assert outcome.status == 307
    assert outcome.error
    assert reason in outcome.error


def test_redirects_end(receiver: Receiver) -> None:
    receiver.answer = lambda _request: (308, {"Location": receiver.url})
    assert post(receiver.url) == Outcome(308, "It redirects more than 3 times.")
    assert len(receiver.received) == MOST_REDIRECTS + 1
    receiver.answer = lambda _request: (308, {})
    assert post(receiver.url) == Outcome(308, "The address redirects without saying where to.")


def test_receiver_says_when_to_come_again(receiver: Receiver) -> None:
    def asked(value: str) -> float | None:
        receiver.answer = lambda _request: (429, {"Retry-After": value})
        return post(receiver.url).retry_after

    assert asked("120") == 120.0
    assert asked("soon") is asked("-5") is asked("1.5") is asked("9" * 5000) is None
    in_a_minute = asked(format_datetime(datetime.now(UTC) + timedelta(minutes=1), usegmt=True))
    assert in_a_minute is not None
    assert 50 < in_a_minute <= 60
    assert asked("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


@contextmanager
def speaking(*parts: bytes, until: Event | None = None, every: float = 0.0) -> Iterator[str]:
    """A server that says these, whatever it is sent, and then waits for `until`, or closes at once."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                for part in parts:
                    try:
                        connection.sendall(part)
                    except OSError:
                        return
                    if every:
                        done.wait(every)
                if until:
                    until.wait(20)
                # Closed with some of the request unread, it would be reset, and what it said might never be read.
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65_536):
                        pass

        done = Event()
        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        done.set()
        thread.join(20)


@pytest.mark.parametrize("said", [(), (b"HTTP/1.1 200 OK\r\nContent-",)])
def test_receiver_that_dies_in_the_middle(said: tuple[bytes, ...]) -> None:
    with speaking(*said) as url:
        outcome = post(url)
    assert outcome.status is None
    assert outcome.error


def test_what_is_no_web_server_is_not_repeated() -> None:
    with speaking(b"-ERR the password is secret\r\n") as url:
        assert post(url) == Outcome(error="The receiver did not answer in HTTP.")


def test_body_of_an_answer_is_not_waited_for() -> None:
    until = Event()
    with speaking(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nmuch", until=until) as url:
        assert post(url) == Outcome(200)
        until.set()


def test_silent_receiver_costs_no_more_than_the_deadline() -> None:
    until = Event()
    with speaking(until=until) as url:
        outcome = post(url, seconds=0.3)
        until.set()
    assert outcome.error
    assert "did not answer within" in outcome.error


def test_receiver_that_drips_costs_no_more_than_the_deadline() -> None:
    with speaking(b"HTTP/1.1 200 OK\r\nX: ", *[b"x"] * 12_000, every=0.05) as url:
        outcome = post(url, seconds=0.5)
    assert outcome.error
    assert "did not answer within" in outcome.error


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    outcome = post(f"http://127.0.0.1:{port}/")
    assert outcome.error
    assert outcome.error.startswith("The receiver could not be connected to")


def certify(folder: Path, name: str) -> Path:
    """A certificate for `name` that signs itself, with its key in the same file."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.write_bytes(key.private_bytes(*form) + certificate.public_bytes(serialization.Encoding.PEM))
    return file


def test_certificate_must_be_the_names_though_an_address_is_connected_to(tmp_path: Path) -> None:
    file = certify(tmp_path, "receiver.example")
    names: list[str | None] = []
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(file)
    server_side.sni_callback = lambda _connection, name, _context: names.append(name)
    with receiving(tls=server_side) as receiver:
        port = port_of(receiver)
        trusting = Poster(LOOPBACK, lookup=lambda *_: ["127.0.0.1"], tls=ssl.create_default_context(cafile=file))
        assert post(f"https://receiver.example:{port}/hook", poster=trusting) == Outcome(204)
        assert receiver.received[0].headers["host"] == f"receiver.example:{port}"
        refused = post(f"https://other.example:{port}/hook", poster=trusting)
        stranger = post(
            f"https://receiver.example:{port}/hook", poster=Poster(LOOPBACK, lookup=lambda *_: ["127.0.0.1"])
        )
    for outcome, reason in ((refused, "is for another name"), (stranger, "is signed by itself")):
        assert outcome.error
        assert f"its certificate {reason}" in outcome.error
    assert names == ["receiver.example", "other.example", "receiver.example"]
    assert len(receiver.received) == 1
