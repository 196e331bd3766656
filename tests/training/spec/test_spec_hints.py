"""Whoever does what a refusal says comes to a spec that is accepted, or is told what else to change."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from training.number_format import plain
from training.spec import DataShape, TrainingSpec

Hint = tuple[Sequence[str | int], str]

BOUND = re.compile(r"at (?:most|least) (-?[0-9.,]*[0-9])")
MOST_ROUNDS = 8  # one field's bound may become known once another's is kept

SHAPES = st.builds(
    DataShape,
    train_images=st.integers(0, 9),
    test_images=st.integers(0, 4),
    classes=st.integers(1, 3),
    image_size=st.sampled_from([1, 2, 3, 8, 16]),
    channels=st.sampled_from([1, 3]),
)
SMALL = st.integers(1, 6)
SCHEDULES = st.one_of(
    st.builds(lambda each: {"name": "step", "step_epochs": each}, SMALL),
    st.builds(lambda each: {"name": "warm_restarts", "first_cycle_epochs": each}, SMALL),
    st.builds(lambda most: {"name": "plateau", "patience": most, "minimum": 0.2}, st.integers(0, 6)),
    st.builds(lambda rate: {"name": "cosine", "final_learning_rate": rate}, st.sampled_from([0.0, 0.1, 0.5])),
    st.builds(lambda at: {"name": "multistep", "milestones": sorted(at)}, st.sets(SMALL, min_size=1, max_size=3)),
)
AUGMENTATIONS = st.fixed_dictionaries(
    {},
    optional={
        "crop": st.builds(lambda padding: {"padding": padding}, st.integers(1, 20)),
        "cutout": st.builds(lambda size: {"size": size}, st.integers(1, 40)),
        "erasing": st.sampled_from([{}, {"smallest_area": 0.9, "largest_area": 0.95}, {"largest_area": 0.021}]),
        "mixup": st.just({}),
    },
)
REGULARISATIONS = st.fixed_dictionaries(
    {},
    optional={
        "early_stopping": st.builds(lambda patience: {"patience": patience}, SMALL),
        "swa": st.builds(lambda start: {"start_epoch": start, "learning_rate": 0.1}, st.integers(0, 6)),
    },
)
SPECS = st.builds(
    lambda schedule, warmup, rest: {**rest, "schedule": {**schedule, "warmup_epochs": warmup}},
    SCHEDULES,
    st.integers(0, 6),
    st.fixed_dictionaries(
        {
            "epochs": SMALL,
            "batch_size": st.integers(2, 12),
            "micro_batch_size": st.none() | st.integers(2, 12),
            "devices": st.integers(1, 4),
            "validation_fraction": st.sampled_from([0.0, 0.01, 0.5, 0.9]),
            "evaluation_interval": st.integers(1, 6),
            "augmentation": AUGMENTATIONS,
            "regularisation": REGULARISATIONS,
        }
    ),
)


@settings(max_examples=300, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(SPECS, SHAPES)
def test_every_bound_that_is_named_can_be_kept(fields: dict[str, Any], data: DataShape) -> None:
    body = {"dataset": "folder", **fields}
    for _ in range(MOST_ROUNDS):
        hints = list(hints_on(body, data))
        bounds = [(path, BOUND.search(reason)) for path, reason in hints]
        if not any(bound for _, bound in bounds):
            break
        for path, bound in bounds:
            if bound:
                put(body, path, number(bound[1]))
    else:
        raise AssertionError(hints)
    # What is left names no bound, so that it has to say what else to change.
    for path, reason in hints:
        assert re.search(r"\b(set|take|leave|lower|more|another|shorter|two|start)\b", reason), (path, reason)


def hints_on(body: Mapping[str, Any], data: DataShape) -> Iterator[Hint]:
    """All that is wrong; what is not a conflict, a value beyond its field's own bounds say, would be our own doing."""
    try:
        spec = TrainingSpec.model_validate(body)
    except ValidationError as refused:
        for error in refused.errors():
            assert error["type"] == "conflict", (error, body)
            yield error["loc"], error["msg"]
        return
    for path, _, reason in spec.conflicts_with(data):
        yield path, reason


def number(text: str) -> float:
    value = float(text.replace(",", ""))
    return int(value) if value.is_integer() else value


def put(body: Any, path: Sequence[str | int], value: float) -> None:
    *parents, last = path
    for element in parents:
        body = body.setdefault(element, {}) if isinstance(body, dict) else body[element]
    body[last] = value


def test_a_number_is_written_as_people_write_it() -> None:
    written = {
        1_095_430: "1,095,430",
        1_095_430.25: "1,095,430.25",
        2**60: "1,152,921,504,606,846,976",
        1e-5: "0.00001",
        0.1: "0.1",
        0: "0",
        -2.5: "-2.5",
        1e22: "10,000,000,000,000,000,000,000",
    }
    assert {value: plain(value) for value in written} == written
    assert plain(1_095_430.0) == "1,095,430"
