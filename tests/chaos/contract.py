"""What the harness depends on in the product, beyond its tables: names and numbers that may change.

What a running service does not offer is neither asked for nor judged; the run says so.
"""

from dataclasses import dataclass
from typing import Any, Literal

Backend = Literal["sqlite", "postgresql"]
Verb = Literal["cancel", "stop", "pause"]

LEASE_SECONDS = 4.0
STALL_SECONDS = 30.0  # longer than any fault keeps a trainer from its work

# Folder in EPOCHAL_DATA_DIR that checkpoints and weights lie in, and how checkpoints are named there.
STORAGE_FOLDER = "storage"
ROLE = "epochal"  # PostgreSQL's, that the service comes in as
CHECKPOINTS = "*/*/epoch-*.safetensors"

SETTINGS = {
    "EPOCHAL_LEASE_SECONDS": str(LEASE_SECONDS),
    "EPOCHAL_STALL_SECONDS": str(STALL_SECONDS),
    # An export under way has files that no row names yet; and it would take the cores from what is tried here.
    "EPOCHAL_EXPORT_FORMATS": "none",
}

# In the chaos a job may well lose more attempts in a row than one that is merely unlucky.
MOST_RETRIES = 100


@dataclass(frozen=True, slots=True)
class Offers:
    """What the running API offers, by its own OpenAPI document."""

    verbs: frozenset[str]
    max_retries: int | None  # the most that a job may ask for

    @staticmethod
    def of(document: dict[str, Any]) -> "Offers":
        """`document` is `GET /openapi.json`."""
        verbs = {path.rpartition("/")[2] for path in document["paths"] if path.startswith("/v1/jobs/{job_id}/")}
        retries = document["components"]["schemas"]["JobCreate"]["properties"].get("max_retries")
        return Offers(
            verbs=frozenset(verbs & {"cancel", "stop", "pause", "resume"}),
            max_retries=None if retries is None else min(MOST_RETRIES, retries.get("maximum", MOST_RETRIES)),
        )
