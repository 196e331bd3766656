"""Epochal: training as a service. Submit training jobs, and read every epoch's loss and accuracy back.

    from epochal import Epochal

    with Epochal("http://127.0.0.1:8000") as client:
        job = client.jobs.create({"dataset": "digits", "architecture": "resnet20"})
        print(job.wait().best)

EPOCHAL_URL and EPOCHAL_API_KEY may also hold the address and the API key. `AsyncEpochal` is the same with `await`.
`epochal.types` has the records that the methods return, `epochal.errors` the exceptions.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # to import it takes longer than `epochal --help` may
if TYPE_CHECKING:
    from typing import Any

    from epochal._async.client import AsyncEpochal
    from epochal._async.job import AsyncJob
    from epochal._sync.client import Epochal
    from epochal._sync.job import Job
    from epochal.errors import (
        APIConnectionError,
        APIStatusError,
        APITimeoutError,
        AuthenticationError,
        BadRequestError,
        ConflictError,
        DatasetFailedError,
        EpochalError,
        InternalServerError,
        LocalError,
        NotFoundError,
        PayloadTooLargeError,
        PermissionDeniedError,
        PreconditionFailedError,
        RateLimitError,
        StreamNotAvailableError,
        UnexpectedAnswerError,
        UnprocessableEntityError,
        WebhookVerificationError,
    )

    __version__: str

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncEpochal",
    "AsyncJob",
    "AuthenticationError",
    "BadRequestError",
    "ConflictError",
    "DatasetFailedError",
    "Epochal",
    "EpochalError",
    "InternalServerError",
    "Job",
    "LocalError",
    "NotFoundError",
    "PayloadTooLargeError",
    "PermissionDeniedError",
    "PreconditionFailedError",
    "RateLimitError",
    "StreamNotAvailableError",
    "UnexpectedAnswerError",
    "UnprocessableEntityError",
    "WebhookVerificationError",
]

_ELSEWHERE = {
    "AsyncEpochal": "epochal._async.client",
    "AsyncJob": "epochal._async.job",
    "Epochal": "epochal._sync.client",
    "Job": "epochal._sync.job",
}

if not TYPE_CHECKING:  # to which these would say that the package has names of every kind

    def __getattr__(name: str) -> Any:
        """Loads a name when it is asked for: `epochal --help` needs none of them."""
        if name == "__version__":
            return import_module("epochal.version").release()
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_ELSEWHERE.get(name, "epochal.errors")), name)

    def __dir__() -> list[str]:
        return __all__
