"""Variables that libraries read themselves. They are checked first, because a library quotes in its error what it
cannot read, and that may be a secret."""

import os
import re
from collections.abc import Iterator, Mapping

from environment.addresses import is_host

_HTTP = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]]+)(?::([0-9]{1,5}))?((?:/[^\s?#@]*)?)")
_REGION = re.compile(r"(?![0-9]+$)(?!-)[a-zA-Z0-9-]{1,63}(?<!-)")
_HEADER = re.compile(r"[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+\s*=[\x20\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")

S3_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
_CHECKSUMS = ("when_supported", "when_required")
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "AWS_REQUEST_CHECKSUM_CALCULATION": _CHECKSUMS,
    "AWS_RESPONSE_CHECKSUM_VALIDATION": _CHECKSUMS,
    "AWS_RETRY_MODE": ("legacy", "standard", "adaptive"),
    "AWS_STS_REGIONAL_ENDPOINTS": ("legacy", "regional"),
    "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": ("legacy", "regional"),
}

OTLP_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_OTLP_HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
_OTLP_TIMEOUTS = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
_OTLP_COMPRESSIONS = ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION")
_OTLP_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_OTLP_FILES = tuple(
    f"OTEL_EXPORTER_OTLP_{part}{kind}"
    for part in ("TRACES_", "")
    for kind in ("CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE")
)
_BATCH = tuple(
    f"OTEL_BSP_{name}" for name in ("SCHEDULE_DELAY", "EXPORT_TIMEOUT", "MAX_QUEUE_SIZE", "MAX_EXPORT_BATCH_SIZE")
)
_SAMPLERS = tuple(
    f"{parent}{name}" for parent in ("", "parentbased_") for name in ("always_on", "always_off", "traceidratio")
)
EXPORTERS = ("otlp", "console")
PROTOCOL = "http/protobuf"

PROXIES = tuple(
    cased for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY") for cased in (name, name.lower())
)
_PROXY = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?(?:[A-Za-z0-9._~!$&'()*+,;=:%-]*@)?"
    r"(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]]+)(?::([0-9]{1,5}))?(?:/[^\s?#@]*)?"
)

Problems = Iterator[tuple[str, str]]


def invalid_proxies(environment: Mapping[str, str] = os.environ) -> Problems:
    """Variables that name a proxy, whose parts a library would quote: where data sets are downloaded, to whoever
    submitted the job."""
    for name in PROXIES:
        if environment.get(name) and not _is_proxy(environment[name]):
            yield name, "should be http://user:password@host:port, with every special character percent-encoded"


def invalid_aws_variables(environment: Mapping[str, str] = os.environ) -> Problems:
    """AWS_* variables with which no S3 storage can be reached, each with what would be right."""
    for name in S3_ENDPOINTS:
        if environment.get(name) and not _is_http(environment[name]):
            yield name, "should be http://host:port or https://host:port, without user and password"
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        if environment.get(name) and not _REGION.fullmatch(environment[name]):
            yield name, "should be the name of a region, such as eu-central-1"
    for name, choices in _CHOICES.items():
        if environment.get(name) and environment[name].lower() not in choices:
            yield name, f"should be {' or '.join(choices)}"
    attempts = environment.get("AWS_MAX_ATTEMPTS")
    if attempts and not re.fullmatch("[1-9][0-9]{0,3}", attempts):
        yield "AWS_MAX_ATTEMPTS", "should be a number from 1 on"
    for name in ("AWS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        path = os.path.expanduser(environment.get(name, ""))  # noqa: PTH111 - Path's raises where there is no home
        if path and not os.access(path, os.R_OK):
            yield name, "should name a file that can be read"
    pair = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    given = [name for name in pair if environment.get(name)]
    for name in (*given, *filter(environment.get, ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"))):
        if not environment[name].isascii() or not environment[name].isprintable() or " " in environment[name]:
            yield name, "should have no space, line end or letter beyond ASCII in it"
    if len(given) == 1:
        [missing] = set(pair) - set(given)
        yield missing, f"should be set where {given[0]} is"
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        if environment.get(name) and not _is_profile(environment[name]):
            yield name, "should be a profile that is there, in files that can be read as AWS's"


def invalid_otel_variables(environment: Mapping[str, str] = os.environ) -> Problems:
    """OTEL_* variables with which no traces can be exported, each with what would be right. None where traces are not
    asked for."""
    kind = trace_exporter(environment)
    if kind is None:
        return
    if kind not in EXPORTERS:
        yield "OTEL_TRACES_EXPORTER", f"should be {', '.join(EXPORTERS)} or none"
    if kind == "otlp":
        yield from _wrong_otlp(environment)
    for name in _BATCH:
        if environment.get(name) and not re.fullmatch("[1-9][0-9]{0,8}", environment[name]):
            yield name, "should be a whole number, from 1 on"
    sampler = environment.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    if sampler and sampler not in _SAMPLERS:
        yield "OTEL_TRACES_SAMPLER", f"should be one of {', '.join(_SAMPLERS)}"
    share = environment.get("OTEL_TRACES_SAMPLER_ARG")
    if share and "ratio" in sampler and not (_NUMBER.fullmatch(share) and float(share) <= 1):
        yield "OTEL_TRACES_SAMPLER_ARG", "should be a number from 0 to 1"
    attributes = environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if not all("=" in each for each in attributes.split(",") if each.strip()):
        yield "OTEL_RESOURCE_ATTRIBUTES", "should be name=value, with commas between them"


def _wrong_otlp(environment: Mapping[str, str]) -> Problems:
    for name in OTLP_ENDPOINTS:
        if environment.get(name) and not _is_http(environment[name].strip()):
            yield (
                name,
                "should be http://host:port or https://host:port; credentials go into OTEL_EXPORTER_OTLP_HEADERS",
            )
    for name in _OTLP_PROTOCOLS:
        if environment.get(name, PROTOCOL) not in ("", PROTOCOL):
            yield name, f"should be {PROTOCOL}"
    for name in _OTLP_HEADERS:
        if not all(_is_header(each) for each in environment.get(name, "").split(",") if each):
            yield name, "should be name=value, percent-encoded, with commas between them"
    for name in _OTLP_TIMEOUTS:
        if environment.get(name) and not _NUMBER.fullmatch(environment[name]):
            yield name, "should be a number of seconds"
    for name in _OTLP_COMPRESSIONS:
        if environment.get(name, "none").strip().lower() not in ("", "none", "gzip", "deflate"):
            yield name, "should be gzip, deflate or none"
    for name in _OTLP_FILES:
        if environment.get(name) and not os.access(environment[name], os.R_OK):
            yield name, "should name a file that can be read"


def trace_exporter(environment: Mapping[str, str] = os.environ) -> str | None:
    """What OTEL_TRACES_EXPORTER says, `otlp` where only an endpoint does; None where nobody asks for traces."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    named = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if named == "none" or not (named or any(environment.get(endpoint) for endpoint in OTLP_ENDPOINTS)):
        return None
    return named or "otlp"


def _is_header(text: str) -> bool:
    """As OpenTelemetry reads one, in which all is printable ASCII once it is decoded, as in a header it must be."""
    return _HEADER.fullmatch(text) is not None and re.search("%(?![2-7][0-9A-Fa-f])|%7[Ff]", text) is None


def _is_profile(name: str) -> bool:
    from botocore.exceptions import BotoCoreError  # here, because it takes a moment that nothing else here needs
    from botocore.session import Session

    try:
        Session(profile=name).get_scoped_config()
    except BotoCoreError:
        return False
    return True


def _is_proxy(text: str) -> bool:
    form = _PROXY.fullmatch(text)
    return form is not None and not re.search("%(?![0-9A-Fa-f]{2})", text) and _is_place(form[1], form[2])


def _is_place(host: str, port: str | None) -> bool:
    return is_host(host.strip("[]")) and (port is None or 1 <= int(port) <= 65_535)


def _is_http(text: str) -> bool:
    form = _HTTP.fullmatch(text)
    if form is None or re.search("%(?![0-9A-Fa-f]{2})", text) or not (text.isascii() and text.isprintable()):
        return False
    return _is_place(form[2], form[3])
