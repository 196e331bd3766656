"""What is known of a checkpoint's file. Light enough for the trainer process, which has no business with a database."""

from dataclasses import dataclass

from storage import StoredFile


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """A checkpoint in the storage. Its position is that of the next step."""

    file: StoredFile
    epoch: int
    step: int
