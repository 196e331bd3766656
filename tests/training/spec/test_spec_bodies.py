"""Bodies drawn at random from the schema: accepted as they are meant, or refused with a path; nothing else."""

from collections import Counter
from typing import Any

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.training.spec_bodies import bodies, broken_bodies, values_of
from training.engine.networks import build_network
from training.engine.schedules import learning_rate_factor
from training.plan import count_parameters, network_plan
from training.spec import ResolvedSpec, TrainingSpec

LARGEST_BUILT = 1_000_000  # parameters
FIELDS = set(TrainingSpec.model_fields)

thoroughly = settings(
    max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def accepted(body: dict[str, Any]) -> TrainingSpec | None:
    """None where `body` is refused, at a field of the spec and with a reason."""
    try:
        return TrainingSpec.model_validate(body)
    except ValidationError as refused:
        for error in refused.errors():
            assert error["loc"], error
            assert error["loc"][0] in FIELDS | set(body), error
            assert error["msg"], error
        return None


def says(whole: object, part: object) -> bool:
    """Whether the resolved `whole` says what the body's `part` said."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(says(whole.get(name), value) for name, value in part.items())
    if isinstance(part, str) and isinstance(whole, dict):
        return bool(whole["name"] == part)
    return whole == part


def test_a_body_within_the_schema_keeps_its_meaning_or_is_refused_with_a_path() -> None:
    seen = Counter[bool]()

    @thoroughly
    @given(bodies())
    def check(body: dict[str, Any]) -> None:
        spec = accepted(body)
        seen[spec is not None] += 1
        if spec:
            stored = spec.model_dump(mode="json")
            assert says(stored, body)
            assert ResolvedSpec.from_stored(stored) == spec
            assert hash(ResolvedSpec.from_stored(stored)) == hash(spec)
            assert TrainingSpec.model_validate(stored) == spec
            assert TrainingSpec.model_validate_json(spec.model_dump_json()) == spec

    check()
    assert seen[True] >= 20, seen
    assert seen[False] >= 20, seen


def test_a_body_with_something_wrong_in_it_is_refused_with_a_path() -> None:
    seen = Counter[bool]()

    @thoroughly
    @given(broken_bodies())
    def check(body: dict[str, Any]) -> None:
        seen[accepted(body) is not None] += 1

    check()
    assert seen[False] >= 100, seen


def test_whatever_network_is_accepted_can_be_built_as_it_is_planned() -> None:
    seen = Counter[str]()

    @settings(thoroughly, max_examples=50)
    @given(values_of("architecture"), st.integers(8, 40), st.sampled_from((1, 3)), st.integers(1, 20))
    def check(architecture: Any, image_size: int, channels: int, classes: int) -> None:
        spec = accepted({"dataset": "digits", "architecture": architecture})
        if spec is None:
            return
        plan = network_plan(spec.architecture, image_size, channels, classes)
        if count_parameters(plan) > LARGEST_BUILT:
            return
        seen[type(spec.architecture).__name__] += 1
        with torch.device("meta"):
            network = build_network(plan)
        assert count_parameters(plan) == sum(parameter.numel() for parameter in network.parameters())

    check()
    assert seen.total() >= 15, seen


def test_every_step_of_whatever_is_accepted_has_a_learning_rate_of_the_optimizers_or_less() -> None:
    seen = Counter[str]()

    @thoroughly
    @given(values_of("schedule"), values_of("regularisation"), st.integers(1, 100))
    def check(schedule: Any, regularisation: Any, epochs: int) -> None:
        body = {"dataset": "digits", "schedule": schedule, "regularisation": regularisation, "epochs": epochs}
        spec = accepted(body)
        if spec is None:
            return
        seen[spec.schedule.name] += 1
        swa = spec.regularisation.swa
        for step in {0, 1, 3 * spec.epochs // 2, 3 * spec.epochs - 1}:
            factor = learning_rate_factor(
                step,
                schedule=spec.schedule,
                peak=spec.optimizer.learning_rate,
                steps_per_epoch=3,
                epochs=spec.epochs,
                swa=swa,
            )
            assert factor >= 0, step
            assert factor <= 1 + 1e-12 or (swa and swa.learning_rate), step

    check()
    assert len(seen) >= 5, seen
