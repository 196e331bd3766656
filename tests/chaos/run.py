"""One run: the service is started, faults and clients do what the plan says, the judge gives the verdict."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.chaos import aim, deployment, evidence, plan, verdict
from tests.chaos.client import Client, Heard
from tests.chaos.contract import Backend, Offers, Verb
from tests.chaos.deployment import START_SECONDS, Deployment, Size
from tests.chaos.evidence import Clients
from tests.chaos.plan import Plan
from tests.chaos.pulse import Pulse
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
    size: Size | None = None  # in place of what the seed would have


def run(wanted: Wanted, folder: Path, say: Callable[[str], None]) -> Verdict:
    """`folder` is empty; what is left there tells what happened. `say` gets a line for each thing that happens."""
    size = wanted.size or plan.size(wanted.seed)
    say(f"{size.workers} workers of {size.slots} slots")
    with deployment.running(folder, wanted.backend, size, wanted.fence) as service:
        planned = _plan(service, wanted, say)
        heard = Heard()
        offers = _offers(service, heard)
        for verb in sorted({"cancel", "stop", "pause", "resume"} - offers.verbs):
            say(f"left out: {verb}, which this service does not offer")
        references = References(folder / "references", planned.variants)
        workload = Workload(service.url, planned, offers, heard)
        reader, watchers = Reader(service.url, workload, heard), Watchers(service.url, workload, heard)
        clients = Clients(workload, reader, watchers, heard, Pulse(service))
        try:
            faults = aim.suffer(service, planned.faults, say)
            say("calm")
            workload.finish(CALM_SECONDS + planned.seconds / 10)
        finally:
            clients.stop()
        undrained = service.drain()
        clients.pulse.stop()
        say("drained")
        return verdict.judge(evidence.gather(service, clients, faults, references, undrained))


def _plan(service: Deployment, wanted: Wanted, say: Callable[[str], None]) -> Plan:
    if service.disk.refusal:
        say(f"left out: a full disk, since mounting one is refused here ({service.disk.refusal})")
    drawn = plan.draw(
        wanted.seed, wanted.seconds, wanted.backend, disk=service.disk.mounted, size=service.size, only=wanted.only
    )
    say(f"{len(drawn.faults)} faults, {len(drawn.variants)} different specs")
    return replace(drawn, verb=wanted.verb)


def _offers(service: Deployment, heard: Heard) -> Offers:
    """Its first answer may take long: the document is made for it."""
    client = Client(service.url, heard)
    deadline = time.monotonic() + START_SECONDS
    try:
        while time.monotonic() < deadline:
            if offers := client.offers():
                return offers
    finally:
        client.close()
    raise TimeoutError("the API does not describe itself")
