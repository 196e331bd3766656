"""Whether a difference of two trials is one, and what is said of it."""

from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from api.views.drawing import draw
from api.views.experiment_charts import chart_data
from api.views.picture_requests import pack, unpack
from api.views.report.answers import AnsweredExperiment, answer_document
from api.views.report.html import to_html
from api.views.report.markdown import to_markdown
from models import JobStatus
from sweeps.experiments.answering import answer
from sweeps.experiments.catalogue import EXPERIMENTS, spec_of
from sweeps.experiments.claims import Claim, Outcome, judge
from sweeps.experiments.definition import Experiment, Preset, TrialDefinition
from sweeps.experiments.intervals import difference
from sweeps.experiments.measures import SECONDS_PER_EPOCH, TEST_ACCURACY, TEST_LOSS, TRAIN_ACCURACY, TRAIN_LOSS
from sweeps.experiments.results import EpochResult, TrialResult
from training.spec import TrainingSpec


def trial(
    label: str,
    accuracy: float = 0.9,
    *,
    train_loss: float = 0.5,
    status: JobStatus | None = JobStatus.SUCCEEDED,
    error: Mapping[str, Any] | None = None,
    kept: int | None = None,
    earlier: float | None = None,
    seconds: float = 1.0,
) -> TrialResult:
    """Two epochs: one with the accuracy `earlier`, and the last."""
    rows = [
        EpochResult(number, train_loss, 0.95, 1.0, each, seconds)
        for number, each in enumerate((accuracy if earlier is None else earlier, accuracy))
    ]
    return TrialResult(label, None, f"job_{label}", status, error, rows, 2, kept, 1000, 360, 12)


def judged(claim: Claim, *trials: TrialResult) -> tuple[Outcome, str]:
    found = judge(claim, {each.label: each for each in trials})
    return found.outcome, found.explanation


def test_the_interval_of_a_difference_is_newcombe_s() -> None:
    """His table II, method 10: 56 of 70 less 48 of 80, 9 of 10 less 3 of 10, and 10 of 10 less 0 of 20."""
    assert difference(56 / 70, 70, 48 / 80, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert difference(0.9, 10, 0.3, 10) == pytest.approx((0.1705, 0.8090), abs=5e-5)
    assert difference(1.0, 10, 0.0, 20) == pytest.approx((0.6791, 1.0), abs=5e-5)


@pytest.mark.parametrize(
    ("better", "worse", "outcome"),
    [(0.95, 0.85, "confirmed"), (0.85, 0.95, "contradicted"), (0.95, 0.94, "undecided"), (0.94, 0.95, "undecided")],
)
def test_a_difference_of_accuracies_counts_where_its_interval_leaves_out_0(
    better: float, worse: float, outcome: Outcome
) -> None:
    claim = Claim("A is better.", "a", "b", TEST_ACCURACY)
    found, told = judged(claim, trial("a", better), trial("b", worse))
    assert found == outcome
    assert f"{better:.1%} for “a”, {worse:.1%} for “b”" in told
    assert f"{100 * (better - worse):+.1f} points" in told
    assert ("It includes 0: on 360 images" in told) is (outcome == "undecided")


def test_that_nothing_much_is_lost_needs_an_interval_that_says_so() -> None:
    claim = Claim("A loses little.", "a", "b", TEST_ACCURACY, margin=0.03)
    assert judged(claim, trial("a", 0.99), trial("b", 0.99))[0] == "confirmed"
    assert judged(claim, trial("a", 0.94), trial("b", 0.95))[0] == "undecided"
    assert judged(claim, trial("a", 0.80), trial("b", 0.95))[0] == "contradicted"
    outcome, told = judged(claim, trial("a", 0.92), trial("b", 0.96))
    assert (outcome, "something is lost" in told) == ("undecided", True)


@pytest.mark.parametrize(
    ("better", "worse", "outcome"),
    [
        (0.2, 0.3, "confirmed"),
        (0.3, 0.2, "contradicted"),
        (0.2, 0.21, "undecided"),
        (0.0001, 0.0009, "undecided"),
    ],
)
def test_losses_differ_from_a_factor_on_and_not_near_0(better: float, worse: float, outcome: Outcome) -> None:
    claim = Claim("A learns more.", "a", "b", TRAIN_LOSS)
    assert judged(claim, trial("a", train_loss=better), trial("b", train_loss=worse))[0] == outcome
    faster = Claim("A is faster.", "a", "b", SECONDS_PER_EPOCH)
    assert judged(faster, trial("a", seconds=1.0), trial("b", seconds=2.0))[0] == "confirmed"


def test_two_measures_of_one_trial() -> None:
    claim = Claim("It overfits.", "a", "a", TRAIN_ACCURACY, TEST_ACCURACY)
    assert judged(claim, trial("a", 0.80))[0] == "confirmed"
    assert judged(claim, trial("a", 0.95))[0] == "undecided"


def test_what_has_no_final_numbers_is_not_compared() -> None:
    claim = Claim("A is better.", "a", "b", TEST_ACCURACY)
    diverged: dict[str, Any] = {
        "status": JobStatus.FAILED,
        "error": {"code": "diverged", "message": "The loss was nan."},
    }
    for other in (
        trial("b", status=None),
        trial("b", status=JobStatus.RUNNING),
        trial("b", status=JobStatus.CANCELLED),
    ):
        assert judged(claim, trial("a"), other)[0] == "missing"
    assert judged(claim, trial("a"))[0] == "missing"
    assert judged(claim, trial("a"), trial("b", **diverged))[0] == "confirmed"
    assert judged(claim, trial("a", **diverged), trial("b"))[0] == "contradicted"
    assert judged(claim, trial("a"), trial("b", status=JobStatus.FAILED, error={"code": "internal"}))[0] == "missing"


def test_early_stopping_is_judged_by_the_epoch_that_it_keeps() -> None:
    stopped = trial("a", 0.5, earlier=0.9, kept=0)
    assert TEST_ACCURACY.of(stopped) == 0.9
    assert TEST_ACCURACY.of(trial("a", 0.5, earlier=0.9)) == 0.5
    assert TEST_LOSS.of(stopped) == 1.0


def test_the_lowest_loss_may_be_0() -> None:
    losses = (0.5, 0.0, None, 0.1)
    rows = [EpochResult(epoch, 1.0, 0.5, loss, 0.5, 1.0) for epoch, loss in enumerate(losses)]
    lowest = replace(trial("a"), epochs=rows).lowest_test_loss
    assert lowest is not None
    assert lowest.epoch == 1


QUESTION = Experiment("q", "Title <b>", "Why?", "It should.", {
    "small": Preset("digits", {}, [TrialDefinition("a", {}), TrialDefinition("b", {})],
                    [Claim("A is better.", "a", "b", TEST_ACCURACY)]),
})  # fmt: skip


def test_an_answer_says_who_is_best_who_is_alike_and_how_far_to_trust_it() -> None:
    hostile = {"code": "internal", "message": "<script>alert(1)</script> | `x`"}
    trials = [trial("a", 0.95), trial("b", 0.94), trial("c", 0.5), trial("d", status=JobStatus.FAILED, error=hostile)]
    found = answer(QUESTION, trials)
    assert found.is_complete
    assert found.summary == "Of 1 expectation, 1 cannot be decided by these runs."
    assert "95.0%, of “a”. On 360 test images it cannot be told apart from “b”." in found.ranking
    assert "Clearly lower: “c” (50.0%)" in found.ranking
    assert any("trained once" in note for note in found.notes)
    picture = draw(chart_data(QUESTION, trials, "on <digits>"), "svg")
    found_of = AnsweredExperiment("swp_1", QUESTION, trials, found, picture, "/answer.svg")
    page, text = to_html(answer_document(found_of)), to_markdown(answer_document(found_of))
    assert "<script>" not in page
    assert "<script>" not in text
    assert "Title &lt;b&gt;" in page
    running = answer(QUESTION, [trial("a"), trial("b", status=JobStatus.RUNNING)])
    assert not running.is_complete
    assert running.summary.startswith("1 of 2 jobs have not ended")


def test_a_picture_is_drawn_of_whatever_there_is() -> None:
    """By the process that draws, from what it is sent."""
    nothing = TrialResult("a", None, "job_a", JobStatus.QUEUED, None, [], 5, None, None, None, None)
    gaps = TrialResult("b", None, "job_b", JobStatus.FAILED, None, [EpochResult(0, None, None, None, None, 1.0)], 5, None, None, None, None)  # fmt: skip # noqa: E501
    for trials in ([nothing], [gaps], [nothing, gaps, trial("c", 1.0), trial("d", 0.0, train_loss=0.0)]):
        data, form = unpack(pack(chart_data(QUESTION, trials, "x"), "svg"))
        assert (data, form) == (chart_data(QUESTION, trials, "x"), "svg")
        drawn = draw(data, form).decode()
        assert ("nothing is measured yet" in drawn) == (len(trials) == 1)
        assert all(f"{each.label}</text>" in drawn for each in trials)


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=list(EXPERIMENTS))
def test_every_experiment_has_a_picture_with_a_curve_for_each_trial(experiment: Experiment) -> None:
    layers, steps = [("conv", 0.5), ("linear", 2.0)], [(1e-7, 2.3), (10.0, 1e30)]
    trials = [
        replace(
            trial(each.label, 0.5 + place / 100),
            group=each.group,
            steps_per_epoch=12,
            range_test=steps,
            epochs=[EpochResult(epoch, 1.0, 0.5, 0.9, 0.5 + place / 100, 1.0, layers) for epoch in range(2)],
        )
        for place, each in enumerate(experiment.presets["small"].trials)
    ]
    data = chart_data(experiment, trials, "x")
    assert [chart.title for chart in data.charts] == [panel.title for panel in experiment.panels]
    assert all(curve.points for chart in data.charts for curve in chart.curves)
    assert {curve.label for chart in data.charts for curve in chart.curves} == {each.label for each in trials}
    png = Image.open(BytesIO(draw(data, "png")))
    assert (png.format, png.width) == ("PNG", 1650)


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=list(EXPERIMENTS))
def test_an_experiment_has_jobs_that_can_be_submitted_and_claims_about_them(experiment: Experiment) -> None:
    assert set(experiment.presets) == {"small", "full"}
    for preset in experiment.presets.values():
        labels = [each.label for each in preset.trials]
        specs = [TrainingSpec.model_validate(spec_of(preset, each, preset.dataset)) for each in preset.trials]
        assert len({*labels}) == len(labels)
        assert all(one != other for place, one in enumerate(specs) for other in specs[:place])
        assert {label for claim in preset.claims for label in (claim.better, claim.worse)} <= {*labels}
        assert {panel.group for panel in experiment.panels} <= {None, *(each.group for each in preset.trials)}
