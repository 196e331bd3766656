"""`python -m worker.validation`: one order on standard input, reports on standard output, a line each."""

import errno
import os
import sys
import time
from collections.abc import Callable
from typing import BinaryIO

from PIL import Image

from jobs.failures import FailureCode
from jobs.verified_storage import VerifiedStorage
from storage import FileDamaged, Storage
from training.errors import DatasetInvalid, told
from training.parent_death_signal import die_with_parent
from worker.validation.edits import edit_version
from worker.validation.limits import limit_validation
from worker.validation.messages import Found, Message, Progress, Rejected, ValidationOrder
from worker.validation.patient_storage import PatientStorage, StorageFailed
from worker.validation.progress import Course, TookTooLong
from worker.validation.uploads import unpack
from worker.validation.versions import make_version

NICENESS = 10  # training goes first
SAY_SECONDS = 0.25  # between two reports of progress


def main() -> None:
    """Carry out one order."""
    import signal

    die_with_parent(signal.SIGKILL)
    os.nice(NICENESS)
    order = ValidationOrder.model_validate_json(sys.stdin.buffer.readline())
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get among the reports
    Image.init()  # decoders are loaded once, and not by each process that decodes
    limit_validation()
    _say(out, carry_out(order, VerifiedStorage(order.storage_url, order.storage_id), _Sayer(out)))


def carry_out(order: ValidationOrder, storage: Storage, say: Callable[[Progress], None]) -> Found | Rejected:
    """The result of `order`. Raises nothing but what is a fault of ours."""
    course = Course(order, say)
    patient = PatientStorage(storage, course)
    try:
        if order.parent:
            return edit_version(order, patient, course)
        return make_version(order, patient, *unpack(order, patient, course), course)
    except DatasetInvalid as error:
        return Rejected(code="dataset_invalid", message=error.detail, hint=error.hint)
    except TookTooLong:
        hint = "Send fewer images at once, or save them in a form that is faster to decode: as PNG or JPEG."
        return _rejected("timeout", f"To look through its {course.images:,} images takes too long.", hint)
    except MemoryError:
        hint = "Send it as PNG or JPEG images in a plain archive, or in smaller parts."
        return _rejected("out_of_memory", "To look through it takes more memory than is allowed.", hint)
    except FileDamaged:
        hint = "Upload it again."
        return _rejected("dataset_invalid", "What was stored of the upload is damaged.", hint)
    except StorageFailed as error:
        return _without_storage(error)
    except OSError as error:
        return _without_disk(error)


def _without_storage(error: StorageFailed) -> Rejected:
    hint = "Ask the operator to look at EPOCHAL_STORAGE_URL and at the worker's log; then upload it again."
    message = f"The storage could not be {error.doing}: {error.reason}."
    return Rejected(code="storage_full" if error.is_full else "internal", message=message, hint=hint, retryable=True)


def _without_disk(error: OSError) -> Rejected:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        hint = "Ask the operator for space where EPOCHAL_DATA_DIR lies; then upload it again."
        return Rejected(code="storage_full", message="The worker's disk is full.", hint=hint, retryable=True)
    hint = "Ask the operator to look at where EPOCHAL_DATA_DIR lies, and at the worker's log; then upload it again."
    message = f"The worker's disk could not be used: {told(error)}."
    return Rejected(code="internal", message=message, hint=hint, retryable=True)


def _rejected(code: FailureCode, message: str, hint: str) -> Rejected:
    return Rejected(code=code, message=message, hint=hint)


class _Sayer:
    """Says how far it is, not too often."""

    def __init__(self, out: BinaryIO) -> None:
        self._out, self._said_at, self._stage = out, 0.0, ""

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.stage != self._stage or now - self._said_at >= SAY_SECONDS:
            self._stage, self._said_at = progress.stage, now
            _say(self._out, progress)


def _say(out: BinaryIO, message: Message) -> None:
    out.write(message.model_dump_json().encode() + b"\n")
    out.flush()


if __name__ == "__main__":
    main()
