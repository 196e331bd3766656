"""How far a run has come: the best epoch, the end, and the end before its time; and how long an epoch takes."""

from dataclasses import asdict

import pytest

from training.engine.progress import EpochClock, Progress
from training.spec import EarlyStopping, Regularisation, TrainingSpec


def spec(early_stopping: EarlyStopping | None = None, epochs: int = 20) -> TrainingSpec:
    return TrainingSpec(
        dataset="digits",
        epochs=epochs,
        validation_fraction=0.1,
        regularisation=Regularisation(early_stopping=early_stopping),
    )


def judged(spec: TrainingSpec, accuracies: dict[int, float]) -> tuple[Progress, list[int]]:
    """After the epochs with these accuracies, as far as training goes; and which of them were the best so far."""
    progress, best = Progress(), []
    for epoch, accuracy in accuracies.items():
        progress.epoch = epoch
        if progress.note_accuracy(accuracy, spec):
            best.append(epoch)
        progress.epoch += 1
        if progress.finished(spec):
            break
    return progress, best


def test_a_run_is_finished_after_its_last_epoch() -> None:
    for epoch, finished in ((0, False), (19, False), (20, True), (21, True)):
        assert Progress(epoch=epoch).finished(spec()) is finished


def test_the_best_epoch_is_the_earliest_of_the_most_accurate() -> None:
    progress, best = judged(spec(), {0: 0.0, 1: 0.5, 2: 0.4, 3: 0.6, 4: 0.6, 5: 0.1})
    assert (progress.best_epoch, progress.best_accuracy) == (3, 0.6)
    assert best == [0, 1, 3]
    assert not progress.stopped_early


def test_without_early_stopping_a_run_goes_on_however_long_nothing_rises() -> None:
    progress, _ = judged(spec(), dict.fromkeys(range(19), 0.5))
    assert progress.epoch == 19
    assert not progress.finished(spec())


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_early_stopping_waits_for_as_many_epochs_without_a_rise(patience: int) -> None:
    accuracies = {0: 0.1, 1: 0.2, 2: 0.3, **dict.fromkeys(range(3, 20), 0.25)}
    progress, _ = judged(spec(EarlyStopping(patience=patience)), accuracies)
    assert progress.stopped_early
    assert progress.epoch == 2 + patience + 1
    assert progress.best_epoch == 2


def test_a_rise_starts_the_wait_anew() -> None:
    accuracies = {0: 0.5, 1: 0.4, 2: 0.51, 3: 0.4, 4: 0.52, 5: 0.4, 6: 0.4, 7: 0.9}
    progress, best = judged(spec(EarlyStopping(patience=2)), accuracies)
    assert best == [0, 2, 4]
    assert progress.epoch == 7


def test_epochs_that_are_not_evaluated_count_as_waiting() -> None:
    progress, _ = judged(spec(EarlyStopping(patience=6)), {2: 0.5, 5: 0.4, 8: 0.4, 11: 0.9})
    assert progress.stopped_early
    assert progress.epoch == 9


def test_a_rise_of_less_than_the_minimum_does_not_prolong_the_run_and_may_yet_be_the_best() -> None:
    stopping = EarlyStopping(patience=3, minimum_rise=0.125)
    progress, best = judged(spec(stopping), {0: 0.5, 1: 0.625, 2: 0.75, 3: 0.7, 4: 0.8, 5: 0.81, 6: 0.9})
    assert best == [0, 1, 2, 4, 5]
    assert (progress.best_epoch, progress.best_accuracy) == (5, 0.81)
    assert progress.stopped_early
    assert progress.epoch == 6


def test_progress_goes_on_from_its_values() -> None:
    stopping = spec(EarlyStopping(patience=2))
    progress, _ = judged(stopping, {0: 0.5, 1: 0.4})
    resumed = Progress(**asdict(progress))
    assert resumed == progress
    assert not resumed.note_accuracy(0.5, stopping)
    assert resumed.finished(stopping)


def test_an_epoch_s_clock_stands_still_while_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("training.engine.progress.time.perf_counter", lambda: now[0])
    clock = EpochClock()
    now[0] += 3
    with pytest.raises(LookupError), clock.stopped():
        now[0] += 50
        raise LookupError
    assert clock.seconds() == 3
    now[0] += 4
    assert clock.seconds() == 7
