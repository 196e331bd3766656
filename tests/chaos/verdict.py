"""The verdict: every rule held against the evidence."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from tests.chaos import outcome_rules, write_rules
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
    outcome_rules.accepted_once,
    outcome_rules.as_asked,
    outcome_rules.epochs_whole,
    outcome_rules.killed_equals_unkilled,
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
        if self.takeovers:
            seconds = sorted(takeover.seconds for takeover in self.takeovers)
            spread = f"{seconds[0]:.1f} / {median(seconds):.1f} / {seconds[-1]:.1f} s"
            yield f"takeovers: {len(seconds)}, from lease's end to next claim {spread} (least, median, most)"
        for rule, count in Counter(violation.rule for violation in self.violations).items():
            yield f"VIOLATED {rule}, {count} times"
            of_this = [violation.what for violation in self.violations if violation.rule == rule]
            yield from (f"  {what}" for what in of_this[:MOST_SAID])
        yield f"verdict: {len(self.violations)} violations" if self.violations else "verdict: no violation"


def judge(evidence: Evidence) -> Verdict:
    """Hold every rule against it."""
    found = [
        *(Violation(rule.__name__, what) for rule in WRITE_RULES for what in rule(evidence.writes)),
        *(Violation(rule.__name__, what) for rule in OUTCOME_RULES for what in rule(evidence)),
    ]
    return Verdict(evidence, tuple(found), tuple(write_rules.takeovers(evidence.writes)))
