"""Curves of many jobs as JSON, cached by revision."""

from collections.abc import Sequence

from sqlalchemy import select

from api.schemas.job_summaries import JobCurves
from api.views.revision_cache import RevisionCache
from jobs.downsampled_curves import CURVES, downsampled_curves
from jobs.ids import is_id
from models import Job, ProjectSession

CACHED_BYTES = 32 * 2**20  # one of 40 epochs has about 4 KiB


class ShortCurves:
    """Makes the JSON of a job's curves, and caches it by the job's revision: to choose the epochs takes long, and a job
    that has ended keeps its curves."""

    def __init__(self) -> None:
        self._cache = RevisionCache[str](CACHED_BYTES, len)

    def of(self, session: ProjectSession, job_ids: Sequence[str], most: int) -> list[str]:
        """The JSON of those of these jobs that there are, in their order, each with at most `most` epochs. `session` is
        a snapshot. Three queries at most."""
        states = select(Job.id, Job.revision, Job.best_epoch).where(Job.id.in_(filter(is_id, job_ids)))
        jobs = {row.id: row for row in session.execute(states)}
        known = {job_id: self._cache.get(f"{job_id}.{most}", jobs[job_id].revision) for job_id in jobs}
        unknown = {job_id: jobs[job_id].best_epoch for job_id, text in known.items() if text is None}
        for job_id, rows in downsampled_curves(session, unknown, most).items() if unknown else ():
            known[job_id] = text = _curves(job_id, rows)
            self._cache.put(f"{job_id}.{most}", jobs[job_id].revision, text)
        return [found for job_id in job_ids if (found := known.get(job_id))]


def _curves(job_id: str, rows: Sequence[tuple[object, ...]]) -> str:
    names = ("epoch", *(column.key for column in CURVES))
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    return JobCurves.model_validate({"job_id": job_id, **columns}).model_dump_json()
