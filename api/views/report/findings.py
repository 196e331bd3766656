"""What the diagnosis finds, as messages."""

from collections.abc import Sequence

from api.views.report.document import Block, Message, Paragraph
from training.diagnosis import Finding
from training.number_format import plain

MOST_FINDINGS = 20
NOTHING = "The diagnosis has nothing to say of these curves."


def findings(found: Sequence[Finding], *, has_epochs: bool) -> Sequence[Block]:
    """The most important first. Without any: that there is none, where there are epochs to look at."""
    if not found:
        return [Paragraph([NOTHING])] if has_epochs else []
    return [message(each) for each in found[:MOST_FINDINGS]]


def message(finding: Finding) -> Message:
    """One finding: what it is, since when, what it rests on, and what to try."""
    title = finding.code.replace("_", " ").capitalize()
    if finding.since_epoch is not None:
        title += f", since epoch {finding.since_epoch}"
    facts = [(name.replace("_", " "), _value(value)) for name, value in finding.evidence.items()]
    suggestion = finding.suggestion
    if suggestion is None:
        return Message(finding.severity, title, [finding.sentence], facts)
    after = f"{suggestion.why} {suggestion.expected}"
    return Message(finding.severity, title, [finding.sentence], facts, suggestion.spec, after)


def _value(value: float | int | str) -> str:
    return plain(float(f"{value:.4g}")) if isinstance(value, float) else str(value)
