"""Whether a run can go on from a state: one of the same spec, data and number of processes."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from training.checkpoints import CheckpointInvalid
from training.metrics import StepChoice
from training.progress import Progress
from training.spec import ResolvedSpec
from training.team import Team

# Of a spec, what changes nothing about what is computed.
BESIDE_THE_RUN = {"recipe", "placement", "logging_interval", "checkpoints", "time_limit_minutes"}
_LAID_OUT_ALIKE = ("network", "scaler", "average", "plateau")


def require_same_run(state: Mapping[str, Any], own: Mapping[str, Any], team: Team) -> None:
    """Raises CheckpointInvalid where `state` is not one that a trainer of `team` can load whose present state, but for
    the totals, is `own`."""
    try:
        if missing := {*own, "totals"} - state.keys():
            raise ValueError(f"it has no {', '.join(sorted(missing))}")
        _require_same_spec(state["spec"], own["spec"])
        if state["train_images"] != own["train_images"]:
            raise ValueError(f"it was trained on {state['train_images']} images, and here are {own['train_images']}")
        if state["totals"].shape != (team.size, 3):
            raise ValueError(f"it is of {len(state['totals'])} processes, and here are {team.size}")
        for name in _LAID_OUT_ALIKE:
            _require_layout(state[name], own[name], name)
        if state["best_weights"] is not None:
            _require_layout(state["best_weights"], own["network"], "best_weights")
        if _group_sizes(state["optimizer"]) != _group_sizes(own["optimizer"]):
            raise ValueError("its optimizer is of other parameters")
        Progress(**state["progress"])
        StepChoice.model_validate(state["choice"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointInvalid(f"The run cannot go on from this checkpoint: {error}") from error


def _require_same_spec(stored: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """By what both mean today, so that a field that has been added since does not tell them apart."""
    before, now = (
        ResolvedSpec.from_stored(spec).model_dump(mode="json", exclude=BESIDE_THE_RUN) for spec in (stored, own)
    )
    if changed := [name for name in now if before[name] != now[name]]:
        raise ValueError(f"it is of a spec with another {', '.join(changed)}")


def _require_layout(found: Any, own: Any, where: str) -> None:
    """The same names, and tensors of the same shapes."""
    match own:
        case Tensor() if found.shape != own.shape:
            raise ValueError(f"{where} is {list(found.shape)}, and here {list(own.shape)}")
        case Mapping():
            if odd := sorted(map(str, found.keys() ^ own.keys())):
                raise ValueError(f"{where} has other entries: {odd[0]}, for one")
            for name, value in own.items():
                _require_layout(found[name], value, f"{where}.{name}")


def _group_sizes(optimizer: Mapping[str, Any]) -> list[int]:
    return [len(group["params"]) for group in optimizer["param_groups"]]
