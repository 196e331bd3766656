"""Wrong labels that were planted."""

import numpy as np
from cleanlab.filter import find_label_issues

from tests.training.evaluation.made import predictions
from training.evaluation import of_predictions
from training.evaluation.outcomes import Outcomes
from training.evaluation.suspects import label_suspects


def test_they_are_those_of_confident_learning_by_how_little_the_network_believes_in_the_label() -> None:
    found = predictions(3000, 12, skill=8)
    labels = found.labels.astype(np.int64)
    labels[::50] = (labels[::50] + 5) % 12

    rows, likely = label_suspects(Outcomes.of(labels, found.probabilities), found.probabilities)

    expected = find_label_issues(labels, found.probabilities, filter_by="confident_learning", n_jobs=1)
    assert sorted(rows.tolist()) == np.flatnonzero(expected).tolist()
    given = found.probabilities[rows, labels[rows]]
    assert np.all(np.diff(given) >= 0)
    assert np.array_equal(likely, found.probabilities[rows].argmax(1))
    assert len(set(range(0, 3000, 50)) & set(rows[:80].tolist())) > 40


def test_the_report_names_label_and_likely_class() -> None:
    found = predictions(400, 4, skill=5)
    true = found.labels[7]
    found.labels[7] = found.probabilities[7].argmin()
    report = of_predictions(found)

    suspect = next(each for each in report.suspects or () if each.index == 7)
    assert (suspect.label, suspect.predicted) == (found.labels[7], true)
