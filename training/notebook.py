r"""What a notebook needs, in one import:

    from training.notebook import Trainer, TrainingSpec, load_dataset
    trainer = Trainer(TrainingSpec(dataset="digits", architecture="resnet20", epochs=5), load_dataset("digits"))
    print(*trainer.epochs(), sep="\n")

Needs torch, numpy, pydantic, pillow, filelock and safetensors, and no other package of ours.
"""

from training.engine.checkpoints import AnotherRun, CheckpointInvalid, load_checkpoint, save_checkpoint
from training.engine.data import Dataset, DatasetInvalid, load_dataset
from training.engine.progress import SavePoint
from training.engine.resuming import DatasetChanged
from training.engine.trainer import Trainer
from training.metrics import EpochMetrics, RunFacts, StepMetrics
from training.spec import TrainingSpec

__all__ = [
    "AnotherRun",
    "CheckpointInvalid",
    "Dataset",
    "DatasetChanged",
    "DatasetInvalid",
    "EpochMetrics",
    "RunFacts",
    "SavePoint",
    "StepMetrics",
    "Trainer",
    "TrainingSpec",
    "load_checkpoint",
    "load_dataset",
    "save_checkpoint",
]
