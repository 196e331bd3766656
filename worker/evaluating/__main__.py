"""`python -m worker.evaluating`: one order on standard input, reports on standard output, a line each."""

from collections.abc import Callable

import torch
from PIL import Image

from jobs.verified_storage import VerifiedStorage
from storage import FileDamaged, Storage
from training.engine.checkpoints import CheckpointInvalid
from training.engine.data import DatasetInvalid
from worker.evaluating.evaluation import evaluate
from worker.evaluating.measuring import OtherData
from worker.evaluating.messages import Evaluated, EvaluationOrder
from worker.exporting.speaking import Speaker
from worker.model_programs import begin, is_without_memory, log_trouble, without_disk, without_weights
from worker.validation.messages import Progress, Rejected


def main() -> None:
    """Carry out one order."""
    line, out = begin()
    order = EvaluationOrder.model_validate_json(line)
    torch.set_num_threads(order.threads)
    Image.init()
    speaker = Speaker(out)
    with speaker:
        result = carry_out(order, VerifiedStorage(order.storage_url, order.storage_id), speaker)
    speaker(result)


def carry_out(order: EvaluationOrder, storage: Storage, say: Callable[[Progress], None]) -> Evaluated | Rejected:
    """The result of `order`. Raises nothing but what is a fault of ours."""
    try:
        return evaluate(order, storage, say, log_trouble)
    except OtherData as error:
        hint = "Take a data set with the same classes, or fine-tune the network on this one."
        return Rejected(code="dataset_invalid", message=f"It does not fit: {error}.", hint=hint)
    except DatasetInvalid as error:
        return Rejected(code="dataset_invalid", message=error.detail, hint=error.hint)
    except (FileNotFoundError, FileDamaged, CheckpointInvalid) as error:
        return without_weights(error)
    except OSError as error:
        return without_disk(error)
    except (MemoryError, RuntimeError) as error:
        if not is_without_memory(error):
            raise
        hint = "Ask the operator for a worker with more memory, or take a smaller data set."
        return Rejected(code="out_of_memory", message="The evaluation takes more memory than there is.", hint=hint)


if __name__ == "__main__":
    main()
