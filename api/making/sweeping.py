"""What the jobs of a sweep are: every one is validated as a submission, before anything is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.http.errors import InvalidRequest
from api.http.validation import MAX_ERRORS
from api.making import dataset_check
from api.making.made_bodies import validated
from api.schemas.experiments import ExperimentRun
from api.schemas.submission import JobCreate
from api.schemas.sweeps import SweepCreate
from catalog.datasets.listing import Catalogue
from jobs.submission import Submission
from models import ProjectSession
from sweeps.experiments.catalogue import spec_of
from sweeps.experiments.definition import Experiment
from sweeps.making import MOST_JOBS, Trial
from sweeps.space import grid, grid_size, spec_with

MOST_SHOWN = 60  # characters of a value in a job's name or an error
NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class PlannedTrial:
    """A trial whose spec is valid by itself, and what is known of its data set outside of the database."""

    job: JobCreate
    values: Mapping[str, Any]
    places: Mapping[str, int]  # by path, where in the list of the space each value stands; empty in an experiment
    number: int  # from 1
    refusal: InvalidRequest | None
    label: str | None = None
    group: str | None = None


def planned(body: SweepCreate, catalogue: Catalogue) -> list[PlannedTrial]:
    """The trials of a grid. It looks at disks: not within a transaction. Raises InvalidRequest, which names the values
    of each trial that is refused, and where in the space they stand."""
    _require_size(body)
    errors = _Errors(body.spec)
    trials = []
    for number, places in enumerate(grid(body.space), start=1):
        values = {path: body.space[path][place] for path, place in places.items()}
        beside = {"tags": body.tags, "priority": body.priority, "max_retries": body.max_retries}
        asked = {
            **beside,
            "accelerator": body.accelerator,
            "name": trial_name(body.name or "Sweep", in_words(values)),
            "spec": spec_with(body.spec, values),
        }
        try:
            job = validated(asked)
        except InvalidRequest as refused:
            errors.add(refused, places, values, number)
            continue
        trials.append(PlannedTrial(job, values, places, number, dataset_check.refusal(catalogue, job.spec)))
    errors.raise_any()
    return trials


def fitting(session: ProjectSession, spec: Mapping[str, Any], trials: Sequence[PlannedTrial]) -> list[Trial]:
    """The same once their data sets are known to fit. `spec`: what they have in common. Raises InvalidRequest."""
    errors = _Errors(spec)
    for each in trials:
        try:
            dataset_check.require_fitting(session, each.job.spec, each.refusal)
        except InvalidRequest as refused:
            errors.add(refused, each.places, each.values, each.number)
    errors.raise_any()
    return [Trial(Submission(**dict(each.job)), each.values, each.label, each.group) for each in trials]


def planned_experiment(experiment: Experiment, body: ExperimentRun, datasets: Catalogue) -> list[PlannedTrial]:
    """The trials of an experiment. It looks at disks: not within a transaction. Raises InvalidRequest where the data
    set that is asked for does not go with them."""
    preset = experiment.presets[body.size]
    dataset = body.dataset or preset.dataset
    trials = []
    for number, trial in enumerate(preset.trials, start=1):
        asked = {
            "name": trial_name(experiment.title, trial.label),
            "tags": body.tags,
            "priority": body.priority,
            "accelerator": body.accelerator,
            "spec": spec_of(preset, trial, dataset),
        }
        try:
            job = validated(asked)
        except InvalidRequest as refused:
            raise _of_dataset(refused, trial.label) from refused
        refusal = dataset_check.refusal(datasets, job.spec)
        trials.append(PlannedTrial(job, trial.values, {}, number, refusal, trial.label, trial.group))
    return trials


def fitting_experiment(session: ProjectSession, trials: Sequence[PlannedTrial]) -> list[Trial]:
    """The same once their data set is known to fit. Raises InvalidRequest."""
    for each in trials:
        try:
            dataset_check.require_fitting(session, each.job.spec, each.refusal)
        except InvalidRequest as refused:
            raise _of_dataset(refused, each.label or "") from refused
    return [Trial(Submission(**dict(each.job)), each.values, each.label, each.group) for each in trials]


def _of_dataset(refused: InvalidRequest, label: str) -> InvalidRequest:
    """The jobs of an experiment are given: what does not fit them is the data set that was asked for."""
    errors = [
        {"pointer": "#/dataset", "detail": f"{error['detail']} (in the trial “{label}”)"} for error in refused.errors
    ]
    return InvalidRequest(errors, len(errors))


def trial_name(sweep: str, told: str) -> str:
    """The name of a trial's job."""
    return _cut(f"{sweep}: {told}", NAME_LENGTH)


def in_words(values: Mapping[str, Any]) -> str:
    """The values of a trial, for people."""
    return ", ".join(f"{path} {_short(value)}" for path, value in values.items())


def _short(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{name} {_short(each)}" for name, each in value.items() if name != "name")
        named = str(value.get("name", ""))
        return _cut(f"{named} ({inner})" if named and inner else named or inner or "{}", MOST_SHOWN)
    return _cut(str(value), MOST_SHOWN)


def _cut(text: str, most: int) -> str:
    """On one line, with at most so many characters."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _require_size(body: SweepCreate) -> None:
    errors = []
    for path, values in body.space.items():
        for place, value in enumerate(values):
            if _is_in(value, values[:place]):
                detail = f"{_cut(str(value), MOST_SHOWN)} is in the list already: its jobs would be the same"
                errors.append({"pointer": f"#/space/{path}/{place}", "detail": detail})
    if (size := grid_size(body.space)) > MOST_JOBS:
        detail = f"makes {size:,} jobs, and a sweep has {MOST_JOBS} at most: leave out values, or make several sweeps"
        errors.append({"pointer": "#/space", "detail": detail})
    if errors:
        raise InvalidRequest(errors[:MAX_ERRORS], len(errors))


def _is_in(value: Any, earlier: Sequence[Any]) -> bool:
    """Python holds 1 and True for equal, and JSON does not."""
    return any(type(value) is type(each) and value == each for each in earlier)


class _Errors:
    """What is wrong with the trials. What several of them have in common is told once, of the first."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._spec = spec  # what the trials have in common
        self._found: dict[tuple[str, str], dict[str, str]] = {}

    def add(self, refused: InvalidRequest, places: Mapping[str, int], values: Mapping[str, Any], number: int) -> None:
        for error in refused.errors:
            pointer = self._in_body(error.get("pointer", "#/spec"), places)
            where = f" (trial {number}: {in_words(values)})"
            told = {"pointer": pointer, "detail": f"{error['detail']}{where}"}
            self._found.setdefault((pointer, error["detail"]), told)

    def raise_any(self) -> None:
        if self._found:
            raise InvalidRequest([*self._found.values()][:MAX_ERRORS], len(self._found))

    def _in_body(self, pointer: str, places: Mapping[str, int]) -> str:
        """Where what is wrong stands in the body: in the space, if it comes from there."""
        varied = {f"#/spec/{path.replace('.', '/')}": path for path in places}
        for here, path in sorted(varied.items(), key=lambda each: -len(each[0])):
            if pointer == here or pointer.startswith(f"{here}/"):
                return f"#/space/{path}/{places[path]}{pointer.removeprefix(here)}"
        if pointer.count("/") == 2 and pointer.removeprefix("#/spec/") not in self._spec:
            within = (path for here, path in varied.items() if here.startswith(f"{pointer}/"))
            return next((f"#/space/{path}/{places[path]}" for path in within), pointer)
        return pointer
