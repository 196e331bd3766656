"""Checks a submitted spec against its data set. Only submissions are checked: a stored job is never judged again."""

from api.http.errors import InvalidRequest
from catalog.datasets import Catalogue
from training.spec import TrainingSpec


def refusal(datasets: Catalogue, spec: TrainingSpec) -> InvalidRequest | None:
    """Why `spec` does not fit its data set, as far as the API can tell without decoding images; None if it fits."""
    errors = [
        {"pointer": "/".join(("#", "spec", *map(str, path))), "detail": reason}
        for path, _, reason in datasets.conflicts(spec)
    ]
    return InvalidRequest(errors, len(errors)) if errors else None
