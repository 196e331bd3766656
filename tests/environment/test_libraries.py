"""Variables that libraries read by themselves: refused before a library quotes them."""

import pytest

from environment.databases import invalid_libpq_variables
from environment.libraries import invalid_aws_variables, invalid_otel_variables, invalid_proxies
from settings import read_settings

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((f"AWS_ENDPOINT_URL{ending}", value) for ending in ("", "_S3") for value in (
            "host", "ftp://host", "https://", "https://u:hunter2@host", "https://host:99999", "https://host:x",
            "https://host?hunter2", "https://host#x", "https://ho st", "https://[::1", "https://host/%zz", "https://hé",
        )),
        ("AWS_DEFAULT_REGION", "eu central"), ("AWS_REGION", "hunter2/x"), ("AWS_MAX_ATTEMPTS", "hunter2"),
        ("AWS_RETRY_MODE", "hunter2"), ("AWS_REQUEST_CHECKSUM_CALCULATION", "hunter2"), ("AWS_CA_BUNDLE", "/no/file"),
        ("AWS_PROFILE", "hunter2"), ("AWS_SESSION_TOKEN", "hunter2\n"), ("AWS_SESSION_TOKEN", "hunter2 é"),
    ],
)  # fmt: skip
def test_a_variable_that_s3_cannot_be_reached_with(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    [(told, what)] = invalid_aws_variables({name: value})
    assert told == name
    assert SECRET not in what
    monkeypatch.setenv(name, value)
    read_settings()  # where nothing lies in S3, it does not matter
    monkeypatch.setenv("EPOCHAL_STORAGE_URL", "s3://bucket")
    with pytest.raises(SystemExit, match=f"^{name}: should ") as ended:
        read_settings()
    assert "\n" not in str(ended.value)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize(
    "value",
    [
        "http://u:hunter2#x@proxy:3128", "http://u:hunter2/x@proxy:3128", "http://u:hunter2?x@proxy", "http://",
        "http://u:12/hunter2@proxy", "http://u:hunter2@x@proxy", "http://u:hunter2%zz@proxy", "http://u:hunter2 @proxy",
        "http://u:hunter2\n@proxy", "http://u:hunter2", "http://proxy:99999", "http://[::1", "http://u:hunter2é@proxy",
    ],
)  # fmt: skip
def test_a_proxy_that_cannot_be_read(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=f"^{name}: should be http://user:password@host:port") as ended:
        read_settings()
    assert "\n" not in str(ended.value)
    assert SECRET not in str(ended.value)


@pytest.mark.parametrize(
    "value",
    [
        "", "http://proxy", "http://proxy.example:3128/", "proxy:3128", "10.0.0.1:3128", "http://[::1]:3128",
        "http://u:p%23%2F%40@proxy:3128", "socks5h://u@localhost:1080", "https://u:p!$&'()*+,;=@proxy_1:443/path",
    ],
)  # fmt: skip
def test_a_proxy_that_libraries_read(value: str) -> None:
    assert not list(invalid_proxies({"https_proxy": value}))


def test_one_half_of_s3_s_credentials_is_told() -> None:
    assert list(invalid_aws_variables({"AWS_ACCESS_KEY_ID": "a"})) == [
        ("AWS_SECRET_ACCESS_KEY", "should be set where AWS_ACCESS_KEY_ID is")
    ]
    good = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b/c+d=", "AWS_ENDPOINT_URL": "http://[::1]:9000/x"}
    assert not list(invalid_aws_variables(good))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((f"OTEL_EXPORTER_OTLP{part}_ENDPOINT", value) for part in ("", "_TRACES") for value in (
            "host:4318", "grpc://host", "http://", "http://u:hunter2@host", "http://host:99999", "http://h?k=hunter2",
        )),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"), ("OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2%zz"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2\n"), ("OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2%0Ab"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=1,hunter2"), ("OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2é"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "hunter2"), ("OTEL_EXPORTER_OTLP_COMPRESSION", "hunter2"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/hunter2"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "hunter2"),
        ("OTEL_TRACES_SAMPLER", "hunter2"), ("OTEL_BSP_SCHEDULE_DELAY", "hunter2"), ("OTEL_TRACES_EXPORTER", "hunter2"),
        ("OTEL_RESOURCE_ATTRIBUTES", "hunter2"),
    ],
)  # fmt: skip
def test_a_variable_that_traces_cannot_be_exported_with(name: str, value: str) -> None:
    told = list(invalid_otel_variables({"OTEL_TRACES_EXPORTER": "otlp", name: value}))
    assert [variable for variable, _ in told] == [name]
    assert SECRET not in str(told)
    if "ENDPOINT" not in name and name != "OTEL_TRACES_EXPORTER":
        assert not list(invalid_otel_variables({name: value}))  # where nobody asks for traces


def test_usual_variables_are_right() -> None:
    assert not list(
        invalid_otel_variables(
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "https://[::1]:4318/a/b",
                "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20YTpi==, x-key=Bearer a.b-c",
                "OTEL_EXPORTER_OTLP_TIMEOUT": "2.5",
                "OTEL_RESOURCE_ATTRIBUTES": "a=b,c=d",
                "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
                "OTEL_TRACES_SAMPLER_ARG": "0.1",
            }
        )
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("PGSSLMODE", "hunter2"), ("PGPORT", "99999"), ("PGPORT", "hunter2"), ("PGSERVICE", "hunter2"),
     ("PGSSLROOTCERT", "/no/hunter2"), ("PGCONNECT_TIMEOUT", "hunter2"),
     ("PGTARGETSESSIONATTRS", "hunter2"), ("PGCHANNELBINDING", "hunter2")],
)  # fmt: skip
def test_a_variable_that_libpq_refuses(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    read_settings()  # SQLite asks libpq nothing
    monkeypatch.setenv("EPOCHAL_DATABASE_URL", "postgresql://host/name")
    with pytest.raises(SystemExit, match=f"^{name}: should be what libpq takes") as ended:
        read_settings()
    assert SECRET not in str(ended.value)
    assert "\n" not in str(ended.value)


def test_a_variable_that_the_address_overrides_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "hunter2")
    monkeypatch.setenv("PGPORT", "hunter2")
    assert not list(invalid_libpq_variables("postgresql://host:1/name?sslmode=require"))
