"""How much the result depends on the seed."""

from collections.abc import Sequence

from api.views.report.document import Block, Inline, Paragraph, Strong, Table
from api.views.report.text import count, percent, tenths
from jobs.records import JobRecord, SeedRun
from training.significance import mean_interval


def under_several_seeds(record: JobRecord) -> Sequence[Block]:
    """Of a job that is repeated: the accuracy of each run, their mean and its interval."""
    if not record.runs:
        return []
    images = record.facts.test_images if record.facts else None
    rows = [(str(run.seed), run.status.value, percent(run.accuracy, images)) for run in record.runs]
    return [Paragraph(_mean(record.runs)), Table(["Seed", "State", "Accuracy, last epoch"], rows, numbers=1)]


def _mean(runs: Sequence[SeedRun]) -> Sequence[Inline]:
    results = [run.accuracy for run in runs if run.accuracy is not None]
    if not results:
        return ["No run has succeeded yet."]
    found = mean_interval(results)
    told: list[Inline] = [f"The mean test accuracy of {count(found.count, 'run')} is ", Strong(percent(found.mean))]
    if found.deviation is None or found.low is None or found.high is None:
        return [*told, ": of a single one, nobody can say how much the seed does."]
    # By Student's t it may lead beyond what an accuracy can be.
    low, high = tenths(max(0.0, found.low))[:-1], tenths(min(1.0, found.high))
    points = f"{100 * found.deviation:.2f} points"
    return [
        *told,
        f", with a deviation of {points} from seed to seed; the 95% interval of the mean is {low} to {high}.",
    ]
