"""What a run's curves mean, and what to try. Torch-free, and pure: a notebook has it as well as the service.

`diagnose(run)` gives the findings, the most important first. Where there is nothing to say, there are none.
"""

from training.diagnosis.diagnosing import diagnose
from training.diagnosis.finding import Code, Finding, Severity, Suggestion
from training.diagnosis.forecast import Forecast, forecast
from training.diagnosis.run import Curve, DataFinding, Facts, Run, StepLoss

__all__ = [
    "Code",
    "Curve",
    "DataFinding",
    "Facts",
    "Finding",
    "Forecast",
    "Run",
    "Severity",
    "StepLoss",
    "Suggestion",
    "diagnose",
    "forecast",
]
