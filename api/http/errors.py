"""Errors of the HTTP layer: requests that are wrong in themselves, and a service that cannot answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from access.keys import Scope


class ApiError(Exception):
    """An error of the HTTP layer. Errors of the domain, such as JobNotFound, are not among them."""


class MalformedBody(ApiError):
    """The body is not JSON, or not the file or the form that the operation takes."""


class UnsupportedMediaType(ApiError):
    """The Content-Type is none that the operation takes."""

    def __init__(self, detail: str, media_types: Sequence[str]) -> None:
        super().__init__(detail)
        *_, patch = media_types
        self.headers = {"Accept": ", ".join(media_types)} | ({"Accept-Patch": patch} if len(media_types) > 1 else {})


class UnsupportedContentEncoding(ApiError):
    """The body has a Content-Encoding, such as gzip."""

    def __init__(self) -> None:
        super().__init__("Send it as it is, without a Content-Encoding.")


class UnknownTusVersion(ApiError):
    """The client speaks another version of tus."""

    def __init__(self, version: str) -> None:
        super().__init__(f"Here tus is spoken in version {version}: send it in Tus-Resumable.")
        self.headers = {"Tus-Version": version}


class NotAcceptable(ApiError):
    """The client's Accept names none of the media types that the address offers."""


class PreconditionFailed(ApiError):
    """The resource's ETag does not satisfy If-Match or If-None-Match."""

    def __init__(self, etag: str | None) -> None:
        super().__init__(
            "If-Match or If-None-Match says otherwise: look at what is there now, and ask with its ETag."
            if etag
            else "There is no ETag at this address that If-Match or If-None-Match could name: ask without."
        )
        self.headers = {"ETag": etag} if etag else {}


class BodyTooLarge(ApiError):
    """The body is larger than the limit."""


class InvalidRequest(ApiError):
    """The body, the query or a header parses, but the operation does not accept its values."""

    def __init__(self, errors: Sequence[Mapping[str, str]], count: int) -> None:
        first = ": ".join(errors[0].values())
        super().__init__(f"{first} (and {count - 1} more)" if count > 1 else first)
        self.errors = errors


class KeyMissing(ApiError):
    """The request has no API key, and needs one."""

    def __init__(self) -> None:
        super().__init__("Send `Authorization: Bearer <key>` with an API key that an administrator made.")


class ScopeMissing(ApiError):
    """The API key lacks the scope that the operation needs."""

    def __init__(self, needed: Scope) -> None:
        super().__init__(f"This needs a key with the scope {needed!r}: ask an administrator for one.")
        self.needed = needed


class OperatorOnly(ApiError):
    """Only a key of the operator's project may do this."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(f"This needs a key of the project 'default', the operator's, with the scope {scope!r}.")


class TooManyRequests(ApiError):
    """A rate limit is exceeded: of a key's requests, or of an address's invalid keys."""

    def __init__(self, a_minute: int, retry_after_seconds: int, headers: Mapping[str, str]) -> None:
        super().__init__(
            f"More than {a_minute} requests a minute: ask again in {retry_after_seconds} seconds, and less often, "
            "or wait for news with `Prefer: wait=20` or on /v1/jobs/{id}/stream."
        )
        self.headers = {**headers, "Retry-After": str(retry_after_seconds)}


class TooManyWaiting(ApiError):
    """One key has too many streams and waiting requests open."""

    def __init__(self, most: int, what: str = "streams and waiting requests open") -> None:
        super().__init__(f"One key may have {most} {what} at once: end some of them first, or wait for their answers.")


class NotReady(ApiError):
    """A dependency of the service is down or unusable."""

    def __init__(self, missing: Sequence[str], flaws: Sequence[str], members: Mapping[str, Any]) -> None:
        """`missing`: dependencies that do not answer. `flaws`: sentences about those that answer but are unusable."""
        said = [f"Not answering: {', '.join(missing)}."] if missing else []
        super().__init__(" ".join([*said, *flaws]))
        self.members = members


class StorageUnavailable(ApiError):
    """The storage does not deliver a file that the database lists."""


class CurvesNotDrawn(ApiError):
    """The process that draws curves ended, or took too long. The next picture starts a new process."""


class PictureNotDrawn(ApiError):
    """The process that draws images ended, or took too long. The next picture starts a new process."""


class EvaluationNotMade(ApiError):
    """The process that computes evaluations ended, or took too long. The next request starts a new process."""


class NotEvaluable(ApiError):
    """What is stored cannot be evaluated, or not be shown in this way. The text says why."""


class PredictionsUnavailable(ApiError):
    """The process that makes predictions, at EPOCHAL_SERVING_URL, does not answer."""

    def __init__(self) -> None:
        super().__init__("Predictions are made by a process of their own, which does not answer: ask again soon.")


class TensorboardNotInstalled(ApiError):
    """The protobufs of TensorBoard's event files are an optional dependency, which is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "Whoever runs the service installs the package `tensorboard` where the API runs, as its extra "
            "`tensorboard` does. Until then, `/metrics?format=csv` and `/steps?format=csv` of the job have the rows."
        )


class RangeNotSatisfiable(ApiError):
    """The requested byte range lies outside of the file."""

    def __init__(self, size: int) -> None:
        super().__init__(f"The file has {size} bytes, from 0.")
        self.headers = {"Content-Range": f"bytes */{size}"}


class MlflowNotSet(ApiError):
    """No MLflow server is set, or its library is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "Whoever runs the service sets EPOCHAL_MLFLOW_TRACKING_URI, and installs the extra `mlflow` where the API "
            "runs. Until then, `/tensorboard.zip` and `/metrics?format=csv` of the job have its curves."
        )


class MlflowUnavailable(ApiError):
    """The MLflow server does not answer, or took too long."""

    def __init__(self) -> None:
        super().__init__("Repeat the request: it goes on from what is written. The run has whole epochs only.")


class MlflowRefused(ApiError):
    """The MLflow server does not take the run."""

    def __init__(self) -> None:
        super().__init__(
            "It may want other credentials, or the project's experiment was deleted there. Whoever runs the service "
            "can tell by that server's log."
        )
