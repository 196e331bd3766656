"""Addresses with every special character, raw and encoded: what is refused says nothing of the address, and what is
taken means one thing, for us and for the library that connects."""

from pathlib import Path
from urllib.parse import quote

import pytest
from kombu.utils.url import url_to_parts
from sqlalchemy import make_url

from environment.addresses import ENCODE, file_address, is_host, socket_address, sqlite_address
from environment.brokers import broker_of
from environment.databases import database_of
from storage import Storage

SPECIAL = "".join(map(chr, range(1, 48))) + ":;<=>?@[\\]^_`{|}~" + "\x7f\u0085é€😀" + "%zz%41%%2F+"
SECRET = "hunter2"
NEVER_RAW = '#?/@[]\\ "<>^`{|}é\n\t\r\x01%'

CONNECTS = {"database": database_of, "broker": broker_of}
ADDRESSES = {
    "database": "postgresql://user:{}@db.example:5432/name",
    "broker": "redis://user:{}@db.example:6379/0",
}


@pytest.mark.parametrize("kind", CONNECTS)
@pytest.mark.parametrize("character", [*NEVER_RAW, "%zz", "%0", "%00", "%ff", "\0"])
@pytest.mark.parametrize("place", ["start", "middle", "end"])
def test_a_special_character_in_a_password_is_refused_and_no_piece_is_shown(
    kind: str, character: str, place: str
) -> None:
    pieces = {"start": ["", SECRET], "middle": [SECRET, "zebra"], "end": [SECRET, ""]}[place]
    with pytest.raises(ValueError, match=r".") as raised:
        CONNECTS[kind](ADDRESSES[kind].format(character.join(pieces)))
    said = str(raised.value)
    assert all(piece not in said for piece in (SECRET, "zebra"))
    assert "db.example" not in said
    assert "\n" not in said
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize("kind", CONNECTS)
def test_every_character_is_taken_where_it_is_encoded(kind: str) -> None:
    encoded = quote(SPECIAL, safe="")
    if kind == "database":
        url = database_of(f"postgresql://{encoded}:{encoded}@[::1]:5432/{encoded}")
        assert (url.username, url.password, url.database, url.host) == (SPECIAL, SPECIAL, SPECIAL, "::1")
        connects = url.get_dialect()().create_connect_args(url)[1]
        assert (connects["user"], connects["password"], connects["dbname"]) == (SPECIAL, SPECIAL, SPECIAL)
    else:
        parts = url_to_parts(broker_of(f"redis://{encoded}:{encoded}@[::1]:6379/3").url)
        assert (parts.username, parts.password, parts.hostname, parts.path) == (SPECIAL, SPECIAL, "::1", "3")


@pytest.mark.parametrize(
    "url",
    [
        "", "postgresql://", "postgresql:///", "postgresql://host", "postgresql://host/", "postgresql://:5432/name",
        "postgresql:///hunter2:zebra@host:5432/name", "postgresql:////hunter2@host/name",
        "postgresql://u:p@/name:5432@x", "postgresql://host:99999/name", "postgresql://host:0/name",
        "postgresql://host:port/name", "postgresql://[::1/name", "postgresql://[zz]/name", "postgresql://::1/name",
        "postgresql://[]/name", "postgresql://ho%20st/name", "postgresql://a b/name", "postgresql://u:12/ss@host/name",
        "postgresql://u:p@h@host/name", "postgresql://host/name?sslmode",
        "postgresql://host/name?hunter2=1", "postgresql://host/name?sslmode=hunter2", "postgresql://host/name\n",
        "postgresql://host/name?sslmode=require&sslmode=disable", "postgresql://host/name?password=hunter2",
        "postgresql://host/name?sslrootcert=/no/such/file", "postgresql://host/name?sslrootcert=relative",
        "postgresql://host/name?sslrootcert=system&sslmode=require", "postgresql://host/name?connect_timeout=soon",
        "postgresql://host/name?host=", "postgresql://host/name?port=99999", "postgresql://host/name#x",
        "postgresql+asyncpg://host/name", "postgres://host/name", "mysql://host/name", " postgresql://host/name",
        "sqlite://", "sqlite:///", "sqlite:////", "sqlite:///r.db", "sqlite:///./r.db", "sqlite:///../r.db",
        "sqlite:///~/r.db", "sqlite:///:memory:", "sqlite://host/r.db", "sqlite:////a/folder/", "sqlite:////a?b",
        "sqlite:////a#b", "sqlite:////a%zz", "sqlite:////a%00", "sqlite:////a%ff", "sqlite:////a\nb",
        "sqlite:////a?mode=memory", "sqlite:///file:a?uri=true", "sqlite:////a?check_same_thread=false",
        "sqlite:////a?timeout=1", "sqlite+aiosqlite:////a", "file:///a",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_database_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(should|has|cannot)") as raised:
        database_of(url)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////a b/é.db", "sqlite:////a%3Fb%23c%25d%0Ae", "postgresql://host/name", "postgresql:///name",
        "postgresql://u@h/name", "postgresql://u:@h/name", "postgresql://u:a:b+c;d'e@h/name",
        "postgresql+psycopg://h/name?application_name=a+b%26c", "postgresql:///name?host=/run/postgresql",
        "postgresql:///name?host=a:5432&host=b:5433", "postgresql://host/name?sslrootcert=system", "postgresql://h_1.example.:1/n?sslmode=verify-full&sslrootcert=system",
        "postgresql://h/n?connect_timeout=10&keepalives=1&target_session_attrs=read-write&options=-c%20geqo%3Doff",
        "postgresql://h/n?sslmode=require&channel_binding=require&sslnegotiation=direct",
    ],
)  # fmt: skip
def test_what_is_one_means_the_same_for_sqlalchemy(url: str) -> None:
    assert database_of(url) == make_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "", "redis://", "redis://:6379", "redis://:@:1", "redis://host:99999", "redis://host:0", "redis://host:x",
        "redis://host/zero", "redis://host/0/1", "redis://host/-1", "redis://host/99999", "redis://host?db=1",
        "redis://host?ssl_cert_reqs=none", "redis://host#0", "redis://a;redis://b", "redis://a,b", "redis://[::1]x",
        "redis://::1/0", "redis://host/0\n", "unix:///a", "amqp://host", "REDIS://host", "redis:/host", "sentinel://h",
        "rediss://host?ssl_cert_reqs=hunter2", "rediss://host?ssl_cert_reqs=optional", "rediss://host?hunter2=1",
        "rediss://host?ssl_check_hostname=maybe", "rediss://host?ssl_ca_certs=/no/such/file",
        "rediss://host?ssl_ca_certs=/etc/passwd", "rediss://host?ssl_keyfile=/etc/passwd",
        "redis+socket://", "redis+socket:///", "redis+socket://host/a", f"redis+socket:///{'a' * 107}",
        "redis://hunter2@host", "redis://hunter2:@host", "rediss://hunter2@host", "redis+socket://hunter2@/a",
        "redis+socket:///a?db=1", "redis+socket:///a?virtual_host=hunter2", "redis+socket:///a#b",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_broker_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(should|has|cannot|names)") as raised:
        broker_of(url)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("redis://host", "redis://host/0"),
        ("redis://:@host:1/2", "redis://host:1/2"),
        ("redis://:a;b:c@host", "redis://:a%3Bb%3Ac@host/0"),
        ("rediss://u:p@[::1]:1/2?ssl_cert_reqs=none", "rediss://u:p@[::1]:1/2"),
        ("redis+socket:///a%20b/%23?virtual_host=3", "redis+socket:///a%20b/%23?virtual_host=3"),
    ],
)
def test_what_is_one_is_told_to_kombu_without_doubt(url: str, taken: str) -> None:
    assert broker_of(url).url == taken


NAMES = ["plain", "a b", "a?1", "a?2", "a#b", "a%20b", "a%", "%zz", "a\nb", "'\"\\", "a;b", "a@b:c", "é😀", "[x]", "~"]


@pytest.mark.parametrize("name", NAMES)
def test_a_path_becomes_an_address_that_means_this_path(name: str, tmp_path: Path) -> None:
    path = tmp_path / name / name
    assert database_of(sqlite_address(path)).database == str(path)
    assert make_url(sqlite_address(path)).database == str(path)
    assert Storage(file_address(path)).folder == path
    short = Path("/") / name
    assert url_to_parts(broker_of(socket_address(short)).url).path == name


def test_an_error_says_what_would_be_right() -> None:
    with pytest.raises(ValueError, match="redis://:password@host:6379/0 or rediss") as raised:
        broker_of("redis://:hunter2#more@127.0.0.1:6379/0")
    assert ENCODE in str(raised.value)


@pytest.mark.parametrize("host", ["localhost", "0.0.0.0", "::", "::1", "db_1", "a.example.", "xn--bcher-kva.example"])
def test_these_are_hosts(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    "host", ["", ".", "-a", "a-", "a..b", "a b", "[::1]", "a:1", "tcp://a", "a/b", "a%20", "é", "a\n", "x" * 64]
)
def test_these_are_none(host: str) -> None:
    assert not is_host(host)
