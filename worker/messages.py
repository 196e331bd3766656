"""What a supervisor and its trainer process tell each other, as JSON over a pipe."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from jobs.checkpoints import CheckpointFile
from jobs.failures import FailureCode
from jobs.network_input import NetworkInput
from storage import StoredFile
from training.errors import without_folders
from training.image_folders import LARGEST_IMAGE_MEGAPIXELS
from training.metrics import EpochMetrics, RunFacts, StepMetrics
from training.spec import ResolvedSpec
from worker.images_order import ImagesOrder

# Text that the person who submitted the job reads. It may come from any library's error: paths are taken out of it.
ForTenants = Annotated[str, AfterValidator(without_folders)]


class Message(BaseModel):
    """Frozen; NaN and infinities travel as strings."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Order(Message):
    """What a trainer process is to do."""

    job_id: str
    attempt: int
    spec: ResolvedSpec
    checkpoints: tuple[CheckpointFile, ...]  # to go on from, the furthest first
    starting_weights: StoredFile | None
    dataset_identity: str | None  # of what the job trains on; None: nobody knows it yet
    dataset_files: tuple[StoredFile, ...] = ()  # of a version of an uploaded data set: its index, and its packs
    project: str = ""  # whose job it is: what is cached of its data is cached for this project alone
    earlier_facts: RunFacts | None  # of its last attempt that has begun to train
    finish_at_once: bool  # train nothing, and make the weights of the last checkpoint
    devices: tuple[str, ...]  # one for each process that trains, as torch names it: "cpu", "cuda:0"
    threads: int  # of intra-operation parallelism, of all these processes together
    datasets_dir: Path
    downloads_dir: Path
    cache_dir: Path  # decoded images, measured speeds, compiled code
    largest_image_megapixels: int = LARGEST_IMAGE_MEGAPIXELS
    storage_url: str  # of checkpoints and weights
    storage_id: str | None = None  # that it must bear (jobs.verified_storage)

    @property
    def images(self) -> ImagesOrder:
        """What it trains on."""
        return ImagesOrder(
            dataset=self.spec.dataset,
            files=self.dataset_files,
            project=self.project,
            image_size=self.spec.image_size,
            resize=self.spec.resize,
            unreadable=self.spec.unreadable_images,
            datasets_dir=self.datasets_dir,
            downloads_dir=self.downloads_dir,
            cache_dir=self.cache_dir,
            largest_image_megapixels=self.largest_image_megapixels,
        )

    @property
    def has_begun(self) -> bool:
        """Whether an earlier attempt has got as far as training."""
        return bool(self.earlier_facts or (self.dataset_identity and not self.dataset_files))


class Command(Enum):
    """What a supervisor tells its trainer to do between the current step and the next. A later command replaces an
    earlier one."""

    QUIT = b"quit"  # exit at once, and store nothing
    SAVE = b"save"  # store a checkpoint, and exit
    FINISH = b"finish"  # store the weights, and exit


class Alive(Message):
    """The trainer is at work. Sent now and then, so that the supervisor does not take silence for a hang."""

    kind: Literal["alive"] = "alive"


class Loading(Message):
    """It is about to load a checkpoint, which may crash it."""

    kind: Literal["loading"] = "loading"
    name: str


class Unusable(Message):
    """A checkpoint from which the job cannot go on."""

    kind: Literal["unusable"] = "unusable"
    name: str
    reason: ForTenants


class Started(Message):
    """The data is loaded; the first step is next."""

    kind: Literal["started"] = "started"
    facts: RunFacts
    resumed_from: str | None  # the name of a checkpoint; None: from the beginning


class FactsFound(Message):
    """More is known than when it started, such as a faster way of computing a step."""

    kind: Literal["facts"] = "facts"
    facts: RunFacts


class StepDone(Message):
    """A step whose loss is recorded."""

    kind: Literal["step"] = "step"
    metrics: StepMetrics


class EpochDone(Message):
    """An epoch is trained, and evaluated where the spec asks for it."""

    kind: Literal["epoch"] = "epoch"
    metrics: EpochMetrics


class CheckpointStored(Message):
    """A checkpoint's file is safe, and can be published."""

    kind: Literal["checkpoint"] = "checkpoint"
    checkpoint: CheckpointFile


class Trouble(Message):
    """Something that went wrong without ending the run."""

    kind: Literal["trouble"] = "trouble"
    event: Literal["checkpoint_failed", "predictions_left_out", "storage_waiting"]
    message: ForTenants


class Succeeded(Message):
    """Every epoch is done, and the weights are stored. The last message."""

    kind: Literal["succeeded"] = "succeeded"
    stopped_early: bool  # epochs are left that would not have made it better
    epochs: int  # that it has trained
    weights: StoredFile
    best_weights: StoredFile | None = None  # of its best epoch, where `weights` are of another
    predictions: StoredFile | None = None  # unless they would be too large (training_run)
    network_input: NetworkInput | None = None


class Halted(Message):
    """It ended between two steps, on command. The last message."""

    kind: Literal["halted"] = "halted"
    epoch: int  # of the step that would have been next
    step: int
    weights: StoredFile | None  # where those were asked for
    best_weights: StoredFile | None = None
    network_input: NetworkInput | None = None  # of these weights


class Failed(Message):
    """The job cannot go on. The last message."""

    kind: Literal["failed"] = "failed"
    code: FailureCode
    message: ForTenants
    hint: ForTenants
    retryable: bool
    weights: StoredFile | None = None  # that it leaves all the same


class Devices(Message):
    """What a worker's machine computes on; `names` is empty where there is no accelerator."""

    kind: Literal["devices"] = "devices"
    names: tuple[str, ...]
    torch_version: str


Report = Annotated[
    Alive
    | Loading
    | Unusable
    | Started
    | FactsFound
    | StepDone
    | EpochDone
    | CheckpointStored
    | Trouble
    | Succeeded
    | Halted
    | Failed
    | Devices,
    Field(discriminator="kind"),
]
REPORTS: TypeAdapter[Report] = TypeAdapter(Report)
