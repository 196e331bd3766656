"""What can go wrong with a project's data sets. None of these knows HTTP; a docstring's first line is the message.

DatasetError
├── DatasetNotFound
├── VersionNotFound
├── VersionNotReady
├── ImageNotFound
├── NameTaken
├── DatasetInUse
├── AuditNotFound
├── AuditFinished
├── UploadNotFound
├── UploadComplete
├── OffsetMismatch
├── LengthMismatch
├── UploadTooLarge
├── UploadRefused
├── ImportRefused
└── TooManyUploads
"""

from collections.abc import Sequence

from training.names import listed, shown


class DatasetError(Exception):
    """Something that a data set does not allow."""


class DatasetNotFound(DatasetError):
    """The project has no data set of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no uploaded data set {name!r}.")


class VersionNotFound(DatasetError):
    """The data set has no such version."""

    def __init__(self, name: str, number: int | str) -> None:
        super().__init__(f"The data set {name!r} has no version {number}.")


class VersionNotReady(DatasetError):
    """The version has not been validated yet, or it is no data set."""

    def __init__(self, name: str, number: int, status: str) -> None:
        state = "is being validated: wait until it is ready"
        if status != "validating":
            state = "has failed, and its `error` says why: upload it again, or name a version that is ready"
        super().__init__(f"Version {number} of the data set {name!r} {state}.")
        self.status = status


class ImageNotFound(DatasetError):
    """The version has no such image."""

    def __init__(self, name: str, number: int, image: str) -> None:
        super().__init__(f"Version {number} of the data set {name!r} has no image {image!r}.")


class NameTaken(DatasetError):
    """The name is one of a data set that Epochal knows, or that the operator has put there; or one that people would
    take for it. `taken`: how that one is written, where it differs."""

    def __init__(self, name: str, taken: str | None = None) -> None:
        of_all = "a data set that everybody on this service can name: upload yours under another name."
        near = "" if taken is None or taken == name else f" would be taken for {shown(taken)!r},"
        super().__init__(f"{name!r}{near or ' is'} {of_all}")


class DatasetInUse(DatasetError):
    """Jobs or audits that have not ended need it."""

    def __init__(self, what: str, job_ids: Sequence[str]) -> None:
        super().__init__(
            f"{what} is needed by jobs or audits that have not ended ({listed(job_ids)}): cancel or stop them first, "
            "or delete it when they have ended."
        )
        self.job_ids = job_ids


class AuditNotFound(DatasetError):
    """The version has no such audit."""

    def __init__(self, audit_id: str) -> None:
        super().__init__(f"There is no audit {audit_id!r} of this version.")


class AuditFinished(DatasetError):
    """The audit has ended already."""

    def __init__(self, audit_id: str, status: str) -> None:
        super().__init__(f"Audit {audit_id} is {status}: there is nothing left to cancel.")
        self.status = status


class UploadNotFound(DatasetError):
    """There is no upload with this id."""

    def __init__(self, upload_id: str) -> None:
        super().__init__(f"There is no upload {upload_id!r}: it is not yours, or it has expired.")


class UploadComplete(DatasetError):
    """All bytes of the upload have arrived already."""

    def __init__(self, upload_id: str) -> None:
        super().__init__(f"All bytes of the upload {upload_id} have arrived: nothing can be added.")


class OffsetMismatch(DatasetError):
    """The bytes do not follow those that have arrived."""

    def __init__(self, upload_id: str, offset: int) -> None:
        super().__init__(f"The upload {upload_id} stands at {offset} bytes: go on there.")
        self.offset = offset


class LengthMismatch(DatasetError):
    """The length of the file is not what was stated, or less than has arrived."""

    def __init__(self, upload_id: str, total_bytes: int | None, received_bytes: int) -> None:
        size = f"was stated to have {total_bytes} bytes" if total_bytes is not None else "is to be larger"
        super().__init__(f"The upload {upload_id} {size}: {received_bytes} have arrived.")


class UploadTooLarge(DatasetError):
    """The file is larger than the service takes, or than was stated. `reason` says which."""


class UploadRefused(DatasetError):
    """The file is none that could hold a data set, by its first bytes."""


class ImportRefused(DatasetError):
    """The operator does not allow imports from there."""

    def __init__(self) -> None:
        super().__init__(
            "The operator allows no import from there: ask for the places that are allowed (EPOCHAL_IMPORT_ROOTS), or "
            "upload the images."
        )


class TooManyUploads(DatasetError):
    """The project has as many unfinished uploads as it may have, or as many that wait to be validated."""
