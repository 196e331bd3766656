"""Whether a run can be resumed from a state: the spec, the data and the number of processes must be the same."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from training.engine.checkpoints import AnotherRun, CheckpointInvalid
from training.engine.data import Contents, Dataset, changes
from training.engine.progress import Progress
from training.engine.team import Team
from training.metrics import StepChoice
from training.spec import ResolvedSpec

# Fields of a spec that do not change what is computed.
WITHOUT_EFFECT = {"recipe", "placement", "logging_interval", "checkpoints", "time_limit_minutes"}
ADDED_SINCE = {"data", "inputs", "signals"}  # a state of an earlier release may lack them: the first two, before 0.3
_LAID_OUT_ALIKE = ("network", "scaler", "average", "plateau")


class DatasetChanged(AnotherRun):
    """The data is no longer what the run was trained on. `detail` says what has changed, `hint` what can be done."""

    def __init__(self, name: str, what: str) -> None:
        self.detail = f"The data set {name} is not the one that this run was trained on: {what}."
        self.hint = "Put it back as it was to go on with this run, or begin a new one on what is there now."
        super().__init__(self.detail)

    def __str__(self) -> str:
        return f"{self.detail} {self.hint}"


def require_same_run(state: Mapping[str, Any], own: Mapping[str, Any], team: Team, dataset: Dataset) -> None:
    """Whether a trainer of `team` on `dataset` whose present state, but for the totals, is `own` can load `state`.

    Raises CheckpointInvalid where `state` is not whole, so that one before it may do; and AnotherRun, or
    DatasetChanged, where it is another run's, as every other state of that run would be.
    """
    try:
        if missing := {*own, "totals"} - ADDED_SINCE - state.keys():
            raise ValueError(f"it has no {', '.join(sorted(missing))}")
        _require_same_spec(state["spec"], own["spec"])
        _require_same_data(state, own, dataset)
        if state["totals"].shape != (team.size, 3):
            raise AnotherRun(_refusal(f"it is of {len(state['totals'])} processes, and here are {team.size}"))
        for name in _LAID_OUT_ALIKE:
            _require_layout(state[name], own[name], name)
        if state["best_weights"] is not None:
            _require_layout(state["best_weights"], own["network"], "best_weights")
        if "signals" in state:
            _require_layout(state["signals"], own["signals"], "signals")
        if _group_sizes(state["optimizer"]) != _group_sizes(own["optimizer"]):
            raise ValueError("its optimizer is of other parameters")
        Progress(**state["progress"])
        StepChoice.model_validate(state["choice"])
    except CheckpointInvalid:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointInvalid(_refusal(error)) from error


def contents_of(state: Mapping[str, Any]) -> Contents | None:
    """Of the data that a state was trained on; None of a release before 0.3, whose images were numbered as they lay."""
    return Contents.from_state(state["data"]) if "data" in state else None


def _require_same_spec(stored: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Both are read by this release first, so that a field that was added since has its default in both."""
    before, now = (
        ResolvedSpec.from_stored(spec).model_dump(mode="json", exclude=WITHOUT_EFFECT) for spec in (stored, own)
    )
    if changed := [name for name in now if before[name] != now[name]]:
        raise AnotherRun(_refusal(f"it is of a spec with another {', '.join(changed)}"))


def _require_same_data(state: Mapping[str, Any], own: Mapping[str, Any], dataset: Dataset) -> None:
    """By its identity, and by the number of images, which is all that a state of a release before 0.3 has."""
    before = contents_of(state)
    if before is not None and before.identity != dataset.identity:
        raise DatasetChanged(dataset.name, changes(before, dataset))
    if state["train_images"] != own["train_images"]:
        numbers = f"it had {state['train_images']:,} images to train on, and has {own['train_images']:,}"
        raise DatasetChanged(dataset.name, numbers)


def _require_layout(found: Any, own: Any, where: str) -> None:
    """The same names, and tensors of the same shapes."""
    match own:
        case Tensor() if found.shape != own.shape:
            raise AnotherRun(_refusal(f"{where} is {list(found.shape)}, and here {list(own.shape)}"))
        case Mapping():
            if odd := sorted(map(str, found.keys() ^ own.keys())):
                raise ValueError(f"{where} has other entries: {odd[0]}, for one")
            for name, value in own.items():
                _require_layout(found[name], value, f"{where}.{name}")


def _group_sizes(optimizer: Mapping[str, Any]) -> list[int]:
    return [len(group["params"]) for group in optimizer["param_groups"]]


def _refusal(why: object) -> str:
    return f"The run cannot go on from this checkpoint: {why}"
