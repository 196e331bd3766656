"""What only HTTP knows of: requests that are at fault themselves, and a service that cannot answer any."""

from collections.abc import Mapping, Sequence
from typing import Any

from access.keys import Scope


class ApiError(Exception):
    """What only HTTP knows: the request itself is at fault, or the service cannot answer any."""


class MalformedBody(ApiError):
    """The body is not JSON."""


class UnsupportedMediaType(ApiError):
    """The body is said to be something else than JSON."""

    def __init__(self, detail: str, media_types: Sequence[str]) -> None:
        super().__init__(detail)
        *_, patch = media_types
        self.headers = {"Accept": ", ".join(media_types)} | ({"Accept-Patch": patch} if len(media_types) > 1 else {})


class UnsupportedContentEncoding(ApiError):
    """The body is said to be compressed."""

    def __init__(self) -> None:
        super().__init__("Send it as it is, without a Content-Encoding.")


class NotAcceptable(ApiError):
    """The client takes none of the forms that there are."""


class PreconditionFailed(ApiError):
    """What is there is not what the request is meant for."""

    def __init__(self, etag: str | None) -> None:
        super().__init__(
            "If-Match or If-None-Match says otherwise: look at what is there now, and ask with its ETag."
            if etag
            else "There is no ETag at this address that If-Match or If-None-Match could name: ask without."
        )
        self.headers = {"ETag": etag} if etag else {}


class BodyTooLarge(ApiError):
    """The body is longer than any that makes sense."""


class InvalidRequest(ApiError):
    """The body is JSON, and the query well-formed, but not what the operation takes."""

    def __init__(self, errors: Sequence[Mapping[str, str]], count: int) -> None:
        first = ": ".join(errors[0].values())
        super().__init__(f"{first} (and {count - 1} more)" if count > 1 else first)
        self.errors = errors


class KeyMissing(ApiError):
    """Whoever asks must show a key."""

    def __init__(self) -> None:
        super().__init__("Send `Authorization: Bearer <key>` with an API key that an administrator made.")


class ScopeMissing(ApiError):
    """The key is not for this."""

    def __init__(self, needed: Scope) -> None:
        super().__init__(f"This needs a key with the scope {needed!r}: ask an administrator for one.")
        self.needed = needed


class OperatorOnly(ApiError):
    """Only whoever runs the service may do this."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(f"This needs a key of the project 'default', the operator's, with the scope {scope!r}.")


class TooManyRequests(ApiError):
    """More requests than a key may make, or more keys tried than anybody mistypes."""

    def __init__(self, a_minute: int, retry_after_seconds: int, headers: Mapping[str, str]) -> None:
        super().__init__(
            f"More than {a_minute} requests a minute: ask again in {retry_after_seconds} seconds, and less often, "
            "or wait for news with `Prefer: wait=20` or on /v1/jobs/{id}/stream."
        )
        self.headers = {**headers, "Retry-After": str(retry_after_seconds)}


class TooManyWaiting(ApiError):
    """One key holds more connections open than it may."""

    def __init__(self, most: int, what: str = "streams and waiting requests open") -> None:
        super().__init__(f"One key may have {most} {what} at once: end some of them first, or wait for their answers.")


class NotReady(ApiError):
    """The service cannot do its work now."""

    def __init__(self, missing: Sequence[str], flaws: Sequence[str], members: Mapping[str, Any]) -> None:
        """`missing` does not answer; `flaws` are sentences about what answers, and cannot be worked with."""
        said = [f"Not answering: {', '.join(missing)}."] if missing else []
        super().__init__(" ".join([*said, *flaws]))
        self.members = members


class StorageUnavailable(ApiError):
    """A file that the database knows of cannot be read from the storage now."""


class CurvesNotDrawn(ApiError):
    """The process that draws curves ended, or took too long. The next picture begins another."""


class RangeNotSatisfiable(ApiError):
    """The file has none of the bytes that are asked for."""

    def __init__(self, size: int) -> None:
        super().__init__(f"The file has {size} bytes, from 0.")
        self.headers = {"Content-Range": f"bytes */{size}"}
