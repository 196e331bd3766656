"""Messages of webhooks. The signatures of the vectors were made with the library standardwebhooks 1.1.0, of those who
wrote the specification."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import pytest
from sdk.answers import Answers

from epochal import LocalError, WebhookVerificationError

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE, SENT = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
BODY, SIGNATURE = b'{"test": 2432232314}', "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
TEXT = '{"type": "job.succeeded", "name": "Époque ✓"}'


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, SENT)


def at(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr("time.time", lambda: seconds)


def headers(signature: str = SIGNATURE, **others: str) -> dict[str, str]:
    named = {"webhook-id": MESSAGE, "webhook-timestamp": str(SENT), "webhook-signature": signature}
    return named | {f"webhook-{name}": value for name, value in others.items()}


def unwrapped(connect: Any, body: bytes | str = BODY, sent: dict[str, str] | None = None, secret: str = SECRET) -> Any:
    return connect(Answers()).webhooks.unwrap(body, headers() if sent is None else sent, secret=secret)


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (BODY, SIGNATURE),
        (BODY.decode(), SIGNATURE),
        (TEXT, "v1,f0qD1U3lb4QAfD7JYqxMQ1PwCkqBAUfjTX/8amTVG3M="),
        (TEXT.encode(), "v1,f0qD1U3lb4QAfD7JYqxMQ1PwCkqBAUfjTX/8amTVG3M="),
    ],
)
def test_what_the_service_signed_is_read(connect: Any, body: bytes | str, signature: str) -> None:
    assert unwrapped(connect, body, headers(signature)) == json.loads(body)


def test_names_of_headers_may_be_written_otherwise(connect: Any) -> None:
    assert unwrapped(connect, sent={name.title(): value for name, value in headers().items()}) == json.loads(BODY)


def test_the_secret_of_the_environment(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCHAL_WEBHOOK_SECRET", SECRET)
    assert connect(Answers()).webhooks.unwrap(BODY, headers()) == json.loads(BODY)
    monkeypatch.delenv("EPOCHAL_WEBHOOK_SECRET")
    for none in (None, "", "whsec_", "whsec_###", "secret!"):
        with pytest.raises(LocalError, match="EPOCHAL_WEBHOOK_SECRET") as caught:
            connect(Answers()).webhooks.unwrap(BODY, headers(), secret=none)
        assert "###" not in str(caught.value)


@pytest.mark.parametrize("body", [BODY + b" ", BODY.replace(b"2", b"3", 1), b"", BODY[:-1]])
def test_what_was_changed_is_refused(connect: Any, body: bytes) -> None:
    with pytest.raises(WebhookVerificationError):
        unwrapped(connect, body)


@pytest.mark.parametrize(
    "sent",
    [
        headers(id="msg_other"),
        headers(timestamp=str(SENT + 1)),
        headers("v1,"),
        headers("v2," + SIGNATURE[3:]),
        headers(SIGNATURE[3:]),
        headers("v1," + "A" * 43 + "="),
        headers("v1,é"),
        headers(""),
    ],
)
def test_what_was_signed_otherwise_is_refused(connect: Any, sent: dict[str, str]) -> None:
    with pytest.raises(WebhookVerificationError, match="signature"):
        unwrapped(connect, sent=sent)


def test_another_secret_signs_otherwise(connect: Any) -> None:
    other = "whsec_" + base64.b64encode(b"another secret of some length").decode()
    with pytest.raises(WebhookVerificationError):
        unwrapped(connect, secret=other)
    key = base64.b64decode(other.removeprefix("whsec_"))
    rotated = base64.b64encode(hmac.digest(key, f"{MESSAGE}.{SENT}.".encode() + BODY, "sha256")).decode()
    for both in (f"v1,{rotated} {SIGNATURE}", f"{SIGNATURE} v1,{rotated}", f"v1a,x {SIGNATURE} v1,{rotated}"):
        for secret in (SECRET, other):  # while it is rotated, messages have a signature of each
            assert unwrapped(connect, sent=headers(both), secret=secret) == json.loads(BODY)


@pytest.mark.parametrize(("since", "is_good"), [(300, True), (-300, True), (301, False), (-301, False), (10**9, False)])
def test_an_old_message_may_be_a_recorded_one(
    connect: Any, since: int, is_good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, SENT + since)
    if is_good:
        assert unwrapped(connect) == json.loads(BODY)
        return
    with pytest.raises(WebhookVerificationError, match="300 seconds"):
        unwrapped(connect)


@pytest.mark.parametrize("sent", ["", "now", "-1", "1614265330.5", "١٦", "9" * 5000, "1e9"])
def test_a_time_that_is_none_is_refused(connect: Any, sent: str) -> None:
    with pytest.raises(WebhookVerificationError, match="no time"):
        unwrapped(connect, sent=headers(timestamp=sent))


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_message_without_a_header_is_refused(connect: Any, name: str) -> None:
    with pytest.raises(WebhookVerificationError, match=name):
        unwrapped(connect, sent={other: value for other, value in headers().items() if other != name})


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        ("[1]", "v1,6nE5xt2rFt9k1m8ClNtILlfcpqvUnrNEh1LNAsO+QZ8="),
        ("not json", "v1,aE5G1260jAS4eUjsE1sxSpaEAl8j0b6VOwoF9zx6FTk="),
    ],
)
def test_what_is_signed_and_no_message_is_refused(connect: Any, body: str, signature: str) -> None:
    with pytest.raises(WebhookVerificationError, match="JSON object"):
        unwrapped(connect, body, headers(signature))
