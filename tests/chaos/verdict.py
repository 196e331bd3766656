"""The verdict: every rule held against the evidence."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from tests.chaos import outcome_rules, time_rules, write_rules
from tests.chaos.evidence import Evidence
from tests.chaos.write_rules import Takeover

WRITE_RULES = (
    write_rules.unsigned,
    write_rules.stale_writes,
    write_rules.stale_attempts,
    write_rules.taken_back,
    write_rules.after_cancel,
    write_rules.claims,
    write_rules.moves,
    write_rules.idle_leases,
    write_rules.two_holders,
    write_rules.foreign_writers,
)
OUTCOME_RULES = (
    outcome_rules.tried,
    time_rules.taken_over,
    time_rules.requests_met,
    time_rules.devices_freed,
    outcome_rules.no_internal_error,
    outcome_rules.logs_clean,
    outcome_rules.accepted_once,
    outcome_rules.quota_kept,
    outcome_rules.as_asked,
    outcome_rules.epochs_whole,
    outcome_rules.killed_equals_unkilled,
    outcome_rules.stopped_equals_unkilled,
    outcome_rules.discarded,
    outcome_rules.stopped_with_weights,
    outcome_rules.files_named,
    outcome_rules.secrets_kept,
    outcome_rules.clients_served,
    outcome_rules.readable,
    outcome_rules.streamed,
    outcome_rules.final_cancel,
)
MOST_SAID = 10  # of one rule


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not happen has happened."""

    rule: str
    what: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge has found."""

    evidence: Evidence
    violations: tuple[Violation, ...]
    takeovers: tuple[Takeover, ...]

    def told(self) -> str:
        """For whoever reads it on a terminal."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        evidence = self.evidence
        statuses = Counter(job.status for job in evidence.jobs)
        ended = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
        attempts = sum(write.relation == "attempts" and write.operation == "insert" for write in evidence.writes)
        yield f"{len(evidence.tickets)} jobs accepted ({ended}), {attempts} attempts"
        yield f"history: {len(evidence.writes)} writes; readers saw {len(evidence.seen)} different answers"
        streamed = sum(told.ended_as is not None for told in evidence.told)
        yield f"streams: {streamed} jobs followed from their first event to their end"
        yield from self._lines_of_faults()
        if self.takeovers:
            seconds = sorted(takeover.seconds for takeover in self.takeovers)
            spread = f"{seconds[0]:.1f} / {median(seconds):.1f} / {seconds[-1]:.1f} s"
            yield f"takeovers: {len(seconds)}, from lease's end to next claim {spread} (least, median, most)"
        for rule, count in Counter(violation.rule for violation in self.violations).items():
            yield f"VIOLATED {rule}, {count} times"
            of_this = [violation.what for violation in self.violations if violation.rule == rule]
            yield from (f"  {what}" for what in of_this[:MOST_SAID])
        yield f"verdict: {len(self.violations)} violations" if self.violations else "verdict: no violation"

    def _lines_of_faults(self) -> Iterator[str]:
        faults = self.evidence.faults
        aimed, hit = Counter(fault.kind for fault in faults), Counter(fault.kind for fault in faults if fault.hit)
        kinds = ", ".join(f"{kind} {hit[kind]}/{count}" for kind, count in sorted(aimed.items()))
        yield f"faults: {hit.total()} of {aimed.total()} hit ({kinds})"
        repeated = ", ".join(f"{count} x {status}" for status, count in sorted(self.evidence.repeated.items()))
        yield f"answers that clients repeated after: {repeated or 'none'}"
        beats = self.evidence.beats
        if len(beats) > 1:
            share = sum(beat.counts for beat in beats[1:]) / (beats[-1].at - beats[0].at)
            yield f"time that counts, by {len(beats)} looks on this machine: {share:.0%}"
        waits = [seconds for _, seconds in time_rules.judged_takeovers(self.evidence)]
        if waits:
            bound = time_rules.TAKEOVER_SECONDS
            yield f"waits for a free worker: {len(waits)}, at most {max(waits):.1f} s that count, of {bound:.1f}"


def judge(evidence: Evidence) -> Verdict:
    """Hold every rule against it."""
    found = [
        *(Violation(rule.__name__, what) for rule in WRITE_RULES for what in rule(evidence.writes)),
        *(Violation(rule.__name__, what) for rule in OUTCOME_RULES for what in rule(evidence)),
    ]
    return Verdict(evidence, tuple(found), tuple(write_rules.takeovers(evidence.writes)))
