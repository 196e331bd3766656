"""What a submission is refused for because of its data: a rule of submitting, which no stored job is held against."""

from api.http.errors import InvalidRequest
from catalog.datasets import Catalogue
from training.spec import TrainingSpec


def refusal(datasets: Catalogue, spec: TrainingSpec) -> InvalidRequest | None:
    """Why `spec` does not go with its data set, as far as that is seen from here; None where nothing is wrong."""
    errors = [
        {"pointer": "/".join(("#", "spec", *map(str, path))), "detail": reason}
        for path, _, reason in datasets.conflicts(spec)
    ]
    return InvalidRequest(errors, len(errors)) if errors else None
