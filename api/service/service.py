"""The objects that live as long as the API process, and the limits on their use."""

from dataclasses import dataclass, field

from anyio import CapacityLimiter

from api.service.admission import Admission
from api.service.curve_cache import CurveCache
from api.service.fair_limiter import FairLimiter
from api.service.index_cache import IndexCache
from api.service.picture_renderer import PictureRenderer
from api.service.readiness import Readiness
from api.service.tailer import Tailer
from api.views.job_json import JobJsonCache
from api.views.revision_cache import NotModifiedHeaders, RevisionCache
from catalog.datasets.listing import Catalogue
from jobs.delivery import TrainingQueue
from jobs.verified_storage import VerifiedStorage
from models import Database
from settings import Settings

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
    upload_threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(UPLOAD_THREADS))
    rewriting_threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(REWRITING_THREADS))
    key_checks: FairLimiter = field(
        default_factory=lambda: FairLimiter(KEY_CHECK_SLOTS, KEY_CHECK_SLOTS_PER_PROJECT, MAX_QUEUED)
    )
    key_check_threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(KEY_CHECK_SLOTS))


@dataclass(frozen=True, slots=True)
class Service:
    """The objects that live as long as the API process."""

    settings: Settings
    database: Database
    storage: VerifiedStorage
    queue: TrainingQueue
    admission: Admission
    tailer: Tailer
    not_modified: RevisionCache[NotModifiedHeaders]  # by a hash of the URL: answers 304 without reading the content
    job_json: JobJsonCache
    curve_cache: CurveCache
    indexes: IndexCache
    pictures: PictureRenderer
    limits: FairLimits
    catalogue: Catalogue
    readiness: Readiness
