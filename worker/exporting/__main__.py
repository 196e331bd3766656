"""`python -m worker.exporting`: one order on standard input, reports on standard output, a line each."""

import tempfile
from collections.abc import Callable

import torch
from PIL import Image

from jobs.verified_storage import VerifiedStorage
from storage import FileDamaged, Storage
from training.engine.checkpoints import CheckpointInvalid
from training.engine.export import DiffersFromTorch
from worker.exporting.making import Export, ExportRefused
from worker.exporting.messages import Exported, ExportOrder
from worker.exporting.speaking import Speaker
from worker.model_programs import begin, is_without_memory, log_trouble, without_disk, without_weights
from worker.validation.messages import Progress, Rejected


def main() -> None:
    """Carry out one order."""
    line, out = begin()
    order = ExportOrder.model_validate_json(line)
    torch.set_num_threads(order.threads)
    Image.init()
    tempfile.tempdir = str(order.folder)  # which the worker removes, however this ends
    speaker = Speaker(out)
    with speaker:
        result = carry_out(order, VerifiedStorage(order.storage_url, order.storage_id), speaker)
    speaker(result)


def carry_out(order: ExportOrder, storage: Storage, say: Callable[[Progress], None]) -> Exported | Rejected:
    """The result of `order`. Raises nothing but what is a fault of ours."""
    try:
        return Exported(files=Export(order, storage, say, log_trouble).files())
    except ExportRefused as error:
        return Rejected(code=error.code, message=error.message, hint=error.hint)
    except (FileNotFoundError, FileDamaged, CheckpointInvalid) as error:
        return without_weights(error)
    except DiffersFromTorch as error:
        hint = "This is a fault of the service, unless the network's weights are no numbers: look at its job's loss."
        return Rejected(code="internal", message=f"An exported file is not what torch computes: {error}.", hint=hint)
    except OSError as error:
        return without_disk(error)
    except (MemoryError, RuntimeError) as error:
        if not is_without_memory(error):
            raise
        hint = "Ask the operator for a worker with more memory, or ask for fewer formats at once."
        return Rejected(code="out_of_memory", message="The export takes more memory than there is.", hint=hint)


if __name__ == "__main__":
    main()
