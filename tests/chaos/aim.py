"""The faults of a plan, each at its time; one that hits nothing is aimed again for a while."""

import time
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import count

from tests.chaos.deployment import Deployment
from tests.chaos.evidence import Aimed
from tests.chaos.faults import Fault, Missed
from tests.chaos.plan import PlannedFault

AIM_SECONDS = 20.0  # a fault is aimed for so long: a worker that was killed may need them to start
AGAIN_SECONDS = 0.2


class Aim:
    """Faults that are to begin or to end."""

    def __init__(self, service: Deployment, say: Callable[[str], None]) -> None:
        self.faults: list[Aimed] = []
        self._service, self._say = service, say
        self._order = count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._occupied: set[str] = set()  # by faults that last

    def at(self, moment: float, act: Callable[[], None]) -> None:
        """Do it then, by `time.monotonic`."""
        heappush(self._due, (moment, next(self._order), act))

    def work(self) -> None:
        """Until nothing is due any more."""
        while self._due:
            moment, _, act = heappop(self._due)
            time.sleep(max(0.0, moment - time.monotonic()))
            act()

    def begin(self, planned: PlannedFault, until: float) -> None:
        """Or try again, where it hits nothing; `until` then, at the latest."""
        fault, kind = planned.fault, type(planned.fault).__name__
        try:
            if fault.occupies & self._occupied:
                raise Missed("another fault has not ended")
            said = fault.begin(self._service)
        except Missed as missed:
            if time.monotonic() < until:
                fault.aim_again(self._service)
                self.at(time.monotonic() + AGAIN_SECONDS, lambda: self.begin(planned, until))
            else:
                self.faults.append(Aimed(kind, hit=False))
                self._say(f"{kind} hit nothing: {missed}")
            return
        self._say(said)
        self.faults.append(Aimed(kind, hit=True))
        if planned.seconds:
            parts = fault.occupies
            self._occupied |= parts
            self.at(time.monotonic() + planned.seconds, lambda: self._end(fault, parts))

    def _end(self, fault: Fault, parts: frozenset[str]) -> None:
        fault.end(self._service)
        self._occupied -= parts
        self._say(f"over: {type(fault).__name__}")


def suffer(service: Deployment, faults: Sequence[PlannedFault], say: Callable[[str], None]) -> list[Aimed]:
    """All of them; which of them have hit."""
    aim, began = Aim(service, say), time.monotonic()
    for planned in faults:
        _plan(aim, planned, began + planned.at)
    aim.work()
    return aim.faults


def _plan(aim: Aim, planned: PlannedFault, at: float) -> None:
    aim.at(at, lambda: aim.begin(planned, at + AIM_SECONDS))
