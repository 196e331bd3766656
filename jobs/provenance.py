"""Where a result comes from, as the manifests of jobs and of trained models say it."""

from collections.abc import Mapping
from typing import Any

from models import Job


def provenance(job: Job, facts: Mapping[str, Any] | None) -> dict[str, Any]:
    """Data, seed and spec of a job, and what an attempt of it computed with: its `facts` (training.metrics.RunFacts);
    None where none is known."""
    return {
        "data": {"name": job.dataset, "version": job.dataset_version, "identity": job.dataset_identity},
        "seed": job.spec.get("seed"),
        "spec": job.spec,
        "environment": facts,
    }
