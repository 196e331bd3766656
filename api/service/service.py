"""The objects that live as long as the API process, and the limits on their use."""

from dataclasses import dataclass, field

from anyio import CapacityLimiter

from api.service.admission import Admission
from api.service.curve_cache import CurveCache
from api.service.evaluations import Evaluations
from api.service.event_hub import EventHub
from api.service.fair_limiter import FairLimiter
from api.service.forwarding import Forwarder
from api.service.index_cache import IndexCache
from api.service.picture_renderer import PictureRenderer
from api.service.readiness import DatabaseAnswers, Readiness
from api.service.tailer import Tailer
from api.views.job_json import JobJsonCache
from api.views.job_summaries import JobSummaries
from api.views.revision_cache import NotModifiedHeaders, RevisionCache
from api.views.short_curves import ShortCurves
from catalog.datasets.listing import Catalogue
from jobs.delivery import TrainingQueue
from jobs.verified_storage import VerifiedStorage
from models import Database
from serving import Limits, Predictor
from settings import Settings
from storage import Storage

# Ordinary requests use at most 16 of the 40 threads that answer requests. A project uses only one while other projects
# are active. Only one thread computes at a time in any case: with two, a project was hardly answered faster, and
# another project waited half as long again.
ORDINARY_SLOTS, ORDINARY_SLOTS_PER_PROJECT = 16, 1
EXPENSIVE_SLOTS, EXPENSIVE_SLOTS_PER_PROJECT = 2, 1
# An upload may take hours, and spends most of them waiting for its client. So a project never holds more than its
# share, even while it is alone: whoever came next would wait until one of its uploads ends. Each slot holds a part of
# an upload in memory (8 MiB), and each thread the one that it stores.
UPLOAD_SLOTS, UPLOAD_SLOTS_PER_PROJECT, UPLOAD_THREADS, MAX_QUEUED_UPLOADS = 16, 4, 6, 100
# Weights that were brought are looked through for seconds. Data sets that arrive meanwhile are stored by other threads.
REWRITING_THREADS = 2
# Exports to another server take up to a minute each, in a process of 100 MB.
EXPORT_SLOTS, EXPORT_SLOTS_PER_PROJECT, MAX_QUEUED_EXPORTS = 3, 1, 20
# Each holds a body of 16 MiB at most. A project never holds all of them, so that its slow clients keep nobody out.
PREDICTION_SLOTS, PREDICTION_SLOTS_PER_PROJECT, PREDICTION_SLOTS_ALONE = 32, 8, 24
# Keys are checked in separate threads, so that a check never waits for the threads that answer requests.
KEY_CHECK_SLOTS, KEY_CHECK_SLOTS_PER_PROJECT = 8, 1
# Per key. As many as may wait for changes of jobs: after a restart of the API, all of them reconnect at once.
MAX_QUEUED = 2_000


@dataclass(frozen=True, slots=True)
class FairLimits:
    """The limits that requests wait for."""

    ordinary: FairLimiter = field(
        default_factory=lambda: FairLimiter(ORDINARY_SLOTS, ORDINARY_SLOTS_PER_PROJECT, MAX_QUEUED)
    )
    expensive: FairLimiter = field(
        default_factory=lambda: FairLimiter(EXPENSIVE_SLOTS, EXPENSIVE_SLOTS_PER_PROJECT, MAX_QUEUED)
    )
    uploads: FairLimiter = field(
        default_factory=lambda: FairLimiter(
            UPLOAD_SLOTS, UPLOAD_SLOTS_PER_PROJECT, MAX_QUEUED_UPLOADS, alone=UPLOAD_SLOTS_PER_PROJECT
        )
    )
    predictions: FairLimiter = field(
        default_factory=lambda: FairLimiter(
            PREDICTION_SLOTS, PREDICTION_SLOTS_PER_PROJECT, MAX_QUEUED, alone=PREDICTION_SLOTS_ALONE
        )
    )
    upload_threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(UPLOAD_THREADS))
    rewriting_threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(REWRITING_THREADS))
    exports: FairLimiter = field(
        default_factory=lambda: FairLimiter(EXPORT_SLOTS, EXPORT_SLOTS_PER_PROJECT, MAX_QUEUED_EXPORTS)
    )
    mlflow_threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(EXPORT_SLOTS))
    key_checks: FairLimiter = field(
        default_factory=lambda: FairLimiter(KEY_CHECK_SLOTS, KEY_CHECK_SLOTS_PER_PROJECT, MAX_QUEUED)
    )
    key_check_threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(KEY_CHECK_SLOTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What every process has that answers requests, the one for predictions alone included. One of `predictor` and
    `forwarder` is there: predictions are made here, or elsewhere."""

    settings: Settings
    database: Database
    storage: Storage
    database_answers: DatabaseAnswers
    admission: Admission
    limits: FairLimits
    predictor: Predictor | None
    forwarder: Forwarder | None = None

    def end_streams(self) -> None:
        """On shutdown: requests that wait for news are answered. Here there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Core):
    """The objects that live as long as the API process."""

    storage: VerifiedStorage
    queue: TrainingQueue
    tailer: Tailer
    event_hub: EventHub
    not_modified: RevisionCache[NotModifiedHeaders]  # by a hash of the URL: answers 304 without reading the content
    job_json: JobJsonCache
    job_summaries: JobSummaries
    short_curves: ShortCurves
    curve_cache: CurveCache
    reports: RevisionCache[bytes]  # by job and form
    diagnoses: RevisionCache[bytes]  # by job
    indexes: IndexCache
    pictures: PictureRenderer
    evaluations: Evaluations
    catalogue: Catalogue
    readiness: Readiness

    def end_streams(self) -> None:
        """Streams, and requests that wait for changes of jobs."""
        self.tailer.close()
        self.event_hub.close()


def limits_of(settings: Settings) -> Limits:
    """What predictions may take here."""
    chosen = {"threads": settings.serving_threads} if settings.serving_threads else {}
    return Limits(
        session_bytes=settings.serving_memory_bytes, largest_megapixels=settings.largest_image_megapixels, **chosen
    )
