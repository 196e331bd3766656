"""`python -m worker.samples`: one order on standard input, reports on standard output, a line each."""

import os
import signal
import sys

import torch
from PIL import Image

from jobs.verified_storage import VerifiedStorage
from storage import FileDamaged, Storage
from training.errors import told
from training.images.decoding import ImageUnreadable
from training.parent_death_signal import die_with_parent
from worker.samples.drawing import draw
from worker.samples.messages import Drawn, SamplesOrder
from worker.validation.limits import limit_validation
from worker.validation.messages import Rejected

NICENESS = 5  # somebody waits for it


def main() -> None:
    """Carry out one order."""
    die_with_parent(signal.SIGKILL)
    os.nice(NICENESS)
    order = SamplesOrder.model_validate_json(sys.stdin.buffer.readline())
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get among the reports
    torch.set_num_threads(1)
    Image.init()
    limit_validation()
    result = carry_out(order, VerifiedStorage(order.storage_url, order.storage_id))
    out.write(result.model_dump_json().encode() + b"\n")
    out.flush()


def carry_out(order: SamplesOrder, storage: Storage) -> Drawn | Rejected:
    """The result of `order`. Raises nothing but what is a fault of ours."""
    try:
        return Drawn(file=storage.put(order.name, draw(order, storage)))
    except (FileNotFoundError, FileDamaged) as error:
        message = f"A file of the version is gone or damaged: {told(error)}."
        return Rejected(code="dataset_invalid", message=message, hint="Upload the data set again.")
    except ImageUnreadable as error:
        hint = "Try another seed."
        return Rejected(code="dataset_invalid", message=f"An image cannot be decoded: {error}.", hint=hint)
    except MemoryError:
        hint = "Ask for fewer or smaller images."
        return Rejected(code="out_of_memory", message="To draw it takes more memory than is allowed.", hint=hint)
    except OSError as error:
        hint = "Look at the worker's log; then ask again."
        return Rejected(code="internal", message=f"A file could not be read: {told(error)}.", hint=hint, retryable=True)


if __name__ == "__main__":
    main()
