"""What the diagnosis finds, as messages."""

from collections.abc import Mapping, Sequence

from api.schemas.diagnosis import Diagnosis, Finding
from api.views.report.document import Block, Message, Paragraph, Tone
from api.views.report.text import significant, tenths

MOST_FINDINGS = 20
_TONES: Mapping[str, Tone] = {"problem": "problem", "warning": "warning", "hint": "hint"}
NOTHING = "The diagnosis has nothing to say of these curves."


def findings(diagnosis: Diagnosis, *, has_ended: bool) -> Sequence[Block]:
    """The most important first, and then what is expected of the rest of a run that has not ended. Without any: that
    there is none, where there are epochs to look at."""
    if not diagnosis.epochs:
        return []
    found: list[Block] = [message(each) for each in diagnosis.findings[:MOST_FINDINGS]]
    if not has_ended and (expected := diagnosis.forecast):
        between = f"{100 * expected.low:.1f} to {tenths(expected.high)}"
        told = f"After epoch {expected.epoch}, its last, it will have an accuracy of {between} with a probability of "
        found.append(Paragraph([f"{told}{expected.probability:.0%}; the middle is {tenths(expected.median)}."]))
    return found or [Paragraph([NOTHING])]


def message(finding: Finding) -> Message:
    """One finding: what it is, since when, what it rests on, and what to try."""
    title = finding.code.replace("_", " ").capitalize()
    if finding.since_epoch is not None:
        title += f", since epoch {finding.since_epoch}"
    facts = [(name.replace("_", " "), _value(value)) for name, value in finding.evidence.items()]
    suggestion = finding.suggestion
    if suggestion is None:
        return Message(_TONES[finding.severity], title, [finding.sentence], facts)
    after = f"{suggestion.why} {suggestion.expected}"
    return Message(_TONES[finding.severity], title, [finding.sentence], facts, suggestion.spec, after)


def _value(value: float | int | str) -> str:
    return str(value) if isinstance(value, str) else significant(value)
