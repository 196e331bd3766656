"""`python -m worker.audit`: one order on standard input, reports on standard output, a line each."""

import os
import signal
import sys
from dataclasses import asdict
from typing import BinaryIO

from jobs.verified_storage import VerifiedStorage
from storage import FileDamaged, Storage
from training.errors import told
from training.images.packs import ImageIndex
from training.images.predictions import Predictions
from training.parent_death_signal import die_with_parent
from worker.audit.judging import AuditImpossible, judge
from worker.audit.messages import AuditOrder, Judged
from worker.validation.limits import limit_validation
from worker.validation.messages import Message, Progress, Rejected
from worker.validation.versions import features_from

NICENESS = 10  # training goes first
HINT = "Audit it again: the jobs of this audit, or the version itself, were deleted or damaged meanwhile."


def main() -> None:
    """Carry out one order."""
    die_with_parent(signal.SIGKILL)
    os.nice(NICENESS)
    order = AuditOrder.model_validate_json(sys.stdin.buffer.readline())
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get among the reports
    limit_validation()
    say(out, Progress(stage="judging", done=0, total=None))
    say(out, carry_out(order, VerifiedStorage(order.storage_url, order.storage_id)))


def carry_out(order: AuditOrder, storage: Storage) -> Judged | Rejected:
    """The result of `order`. Raises nothing but what is a fault of ours."""
    try:
        index = ImageIndex.from_bytes(storage.read_verified(order.index))
        features = features_from(storage.read_verified(order.features))
        parts = [Predictions.from_bytes(storage.read_verified(file)) for file in order.predictions]
        summary, suspects = judge(index, features, parts)
    except (FileNotFoundError, FileDamaged) as error:
        return Rejected(code="dataset_invalid", message=f"A file of it is gone or damaged: {told(error)}.", hint=HINT)
    except AuditImpossible as error:
        return Rejected(code="dataset_invalid", message=f"Its labels cannot be judged: {error}.", hint=HINT)
    except MemoryError:
        hint = "Audit a version with fewer classes or images: every probability is held in memory."
        return Rejected(code="out_of_memory", message="To judge it takes more memory than is allowed.", hint=hint)
    except OSError as error:
        hint = "Look at the worker's log; then audit it again."
        return Rejected(code="internal", message=f"A file could not be read: {told(error)}.", hint=hint, retryable=True)
    return Judged(summary=asdict(summary), suspects=[asdict(suspect) for suspect in suspects])


def say(out: BinaryIO, message: Message) -> None:
    """Write a message as a line."""
    out.write(message.model_dump_json().encode() + b"\n")
    out.flush()


if __name__ == "__main__":
    main()
