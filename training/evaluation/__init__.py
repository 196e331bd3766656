"""What a trained network does on a split, from its probabilities: figures, confusion matrix, calibration, mistakes, and
pictures of these. Torch-free.

`of_predictions(predictions)` makes a Report of what a job has stored; `report(judged)` of what was gathered batch by
batch, for any number of classes. `to_json` and `from_json` keep it; `confusion_csv`, `confusion_svg` and
`reliability_svg` show it.
"""

from training.evaluation.calibration import Calibration, fit_temperature
from training.evaluation.confusion_picture import confusion_svg
from training.evaluation.documents import (
    calibration_facts,
    confusion_csv,
    from_json,
    mistakes_subtitle,
    shown_mistakes,
    to_json,
)
from training.evaluation.outcomes import Outcomes
from training.evaluation.reliability_picture import reliability_svg
from training.evaluation.report import FORMAT, Judged, Report, of_predictions, report

__all__ = [
    "FORMAT",
    "Calibration",
    "Judged",
    "Outcomes",
    "Report",
    "calibration_facts",
    "confusion_csv",
    "confusion_svg",
    "fit_temperature",
    "from_json",
    "mistakes_subtitle",
    "of_predictions",
    "reliability_svg",
    "report",
    "shown_mistakes",
    "to_json",
]
