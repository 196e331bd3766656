"""What lives as long as the API does, and what a request may use of it."""

from dataclasses import dataclass, field

from anyio import CapacityLimiter

from api.service.admission import Admission
from api.service.curve_cache import CurveCache
from api.service.fair_limiter import FairLimiter
from api.service.readiness import Readiness
from api.service.tailer import Tailer
from api.views.job_json import JobJsonCache
from api.views.revision_cache import NotModifiedHeaders, RevisionCache
from catalog.datasets import Catalogue
from jobs.delivery import TrainingQueue
from models import Database
from settings import Settings
from storage import Storage

# Of the forty threads that answer requests. Of one project two are at work at once while others ask, too: one thread
# computes at a time in any case, and every other that wants to makes all of them wait for longer.
AT_ONCE, OF_ONE_PROJECT = 16, 2
EXPENSIVE_AT_ONCE, EXPENSIVE_OF_ONE_PROJECT = 2, 1
# Keys are looked up in threads of their own, which are there however many requests are under way.
CHECKS_AT_ONCE, CHECKS_OF_ONE_PROJECT = 8, 1
MOST_QUEUED = 2_000  # of one key: as many as may wait for news, who all come back at once when the API is restarted


@dataclass(frozen=True, slots=True)
class FairLimits:
    """What requests wait for, each project in its own line."""

    ordinary: FairLimiter = field(default_factory=lambda: FairLimiter(AT_ONCE, OF_ONE_PROJECT, MOST_QUEUED))
    expensive: FairLimiter = field(
        default_factory=lambda: FairLimiter(EXPENSIVE_AT_ONCE, EXPENSIVE_OF_ONE_PROJECT, MOST_QUEUED)
    )
    checks: FairLimiter = field(default_factory=lambda: FairLimiter(CHECKS_AT_ONCE, CHECKS_OF_ONE_PROJECT, MOST_QUEUED))
    threads_of_checks: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(CHECKS_AT_ONCE))


@dataclass(frozen=True, slots=True)
class Service:
    """What lives as long as the API does."""

    settings: Settings
    database: Database
    storage: Storage
    queue: TrainingQueue
    admission: Admission
    tailer: Tailer
    not_modified: RevisionCache[NotModifiedHeaders]  # by address: 304s that need nothing read
    job_json: JobJsonCache
    curve_cache: CurveCache
    limits: FairLimits
    catalogue: Catalogue
    readiness: Readiness
