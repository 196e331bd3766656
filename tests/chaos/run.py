"""One run: the service is started, faults and clients do what the plan says, the judge gives the verdict."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.chaos import deployment, evidence, plan, verdict
from tests.chaos.client import Client
from tests.chaos.contract import Backend, Offers, Verb
from tests.chaos.deployment import Deployment
from tests.chaos.faults import Fault
from tests.chaos.plan import Plan
from tests.chaos.reader import Reader
from tests.chaos.reference import References
from tests.chaos.verdict import Verdict
from tests.chaos.watcher import Watchers
from tests.chaos.workload import Workload

# After the last fault, jobs have so long to end, and a tenth of the run more.
CALM_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run is to be."""

    seed: int
    seconds: float
    backend: Backend
    fence: str | None = None  # the one that is taken out
    only: tuple[str, ...] = ()  # faults, to the exclusion of all others
    verb: Verb | None = None  # what every job is asked


def run(wanted: Wanted, folder: Path, say: Callable[[str], None]) -> Verdict:
    """`folder` is empty; what is left there tells what happened. `say` gets a line for each thing that happens."""
    with deployment.running(folder, wanted.backend, wanted.fence) as service:
        if service.disk.refusal:
            say(f"left out: a full disk, since mounting one is refused here ({service.disk.refusal})")
        planned = plan.draw(wanted.seed, wanted.seconds, wanted.backend, disk=service.disk.mounted, only=wanted.only)
        planned = replace(planned, verb=wanted.verb)
        offers = _offers(service)
        say(f"{len(planned.faults)} faults, {len(planned.variants)} different specs")
        for verb in sorted({"cancel", "stop", "pause", "resume"} - offers.verbs):
            say(f"left out: {verb}, which this service does not offer")
        references = References(folder / "references", planned.variants)
        workload = Workload(service.url, planned, offers)
        reader, watchers = Reader(service.url, workload), Watchers(service.url, workload)
        try:
            _suffer(service, planned, say)
            say("calm")
            workload.finish(CALM_SECONDS + planned.seconds / 10)
        finally:
            workload.stop()
            reader.stop()
            watchers.stop()
        sha256 = references.sha256()
        undrained = service.drain()
        say("drained")
        return verdict.judge(evidence.gather(service, workload, reader, watchers, sha256, undrained))


def _offers(service: Deployment) -> Offers:
    client = Client(service.url)
    try:
        offers = client.offers()
    finally:
        client.close()
    assert offers, "an API that is ready describes itself"
    return offers


@dataclass(frozen=True, slots=True)
class _Moment:
    """A fault begins or ends."""

    at: float
    fault: Fault
    begins: bool


def _suffer(service: Deployment, planned: Plan, say: Callable[[str], None]) -> None:
    """All the faults, one after another, each at its time."""
    began = time.monotonic()
    for moment in sorted(_moments(planned), key=lambda moment: moment.at):
        time.sleep(max(0.0, began + moment.at - time.monotonic()))
        if moment.begins:
            say(moment.fault.begin(service))
        else:
            moment.fault.end(service)
            say(f"over: {type(moment.fault).__name__}")


def _moments(planned: Plan) -> Iterator[_Moment]:
    for each in planned.faults:
        yield _Moment(each.at, each.fault, begins=True)
        if each.seconds:
            yield _Moment(each.at + each.seconds, each.fault, begins=False)
