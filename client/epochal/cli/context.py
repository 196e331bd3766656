"""What a command works with: its arguments, the service, and where it prints."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Any, TypeVar

    from epochal import Epochal
    from epochal.cli.answers import Answer
    from epochal.cli.output import Output
    from epochal.cli.state import Target

    T = TypeVar("T")

ONE_SHOT_RETRIES = 2  # less than a second: somebody looks at the screen
PATIENT_RETRIES = 5


class Context:
    """One run of a command."""

    def __init__(self, arguments: argparse.Namespace, transport: Any = None) -> None:
        self.arguments = arguments
        self._transport = transport
        self._target: Target | None = None
        self._client: Epochal | None = None
        self._output: Output | None = None

    def __enter__(self) -> Context:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # What was interrupted is left as it is: to end it in good order may take as long as the service takes.
        if self._client is not None and not (kind and issubclass(kind, KeyboardInterrupt)):
            self._client.close()

    @property
    def target(self) -> Target:
        """The service that the command is about. Raises CommandError."""
        if self._target is None:
            from epochal.cli.state import find_target

            self._target = find_target(self.arguments.url)
        return self._target

    @property
    def client(self) -> Epochal:
        """Of that service. Raises CommandError and EpochalError."""
        if self._client is None:
            self._client = self.client_of(self.target)
        return self._client

    def client_of(self, target: Target, max_retries: int = ONE_SHOT_RETRIES) -> Epochal:
        """A client of a service, that the caller closes."""
        from epochal import Epochal

        return Epochal(target.address, target.key or "", max_retries=max_retries, transport=self._transport)

    @property
    def output(self) -> Output:
        """Where the command prints what it has found."""
        if self._output is None:
            from epochal.cli.output import Output

            self._output = Output(sys.stdout, getattr(self.arguments, "output", None))
        return self._output

    def plain_output(self) -> Output:
        """Of a command whose output has one form: text."""
        from epochal.cli.output import Output

        return Output(sys.stdout, "table")

    def one(self, call: Callable[[Epochal], T]) -> Answer[T]:
        """What the service answers to `call`. Raises EpochalError."""
        from epochal.cli.answers import one

        return one(self.client, call)

    def rows(self, call: Callable[[Epochal], Iterable[T]]) -> Iterator[Answer[T]]:
        """The rows of the list that `call` returns."""
        from epochal.cli.answers import rows

        return rows(self.client, call)

    def patient(self, retries: int = PATIENT_RETRIES) -> Context:
        """The same command with a client that outlasts a restart of the service, for what must not be done twice and
        for what takes long."""
        other = Context(self.arguments, self._transport)
        other._target, other._output = self.target, self._output
        other._client = self.client.with_options(max_retries=retries)
        return other

    def enduring(self) -> Context:
        """The same command, once the service has answered, with a client that endures any outage that a wait endures:
        what was followed for hours is not given up for a request in between."""
        from epochal._sync.following import OUTAGE_RETRIES

        return self.patient(OUTAGE_RETRIES)

    def limited(self, answers: Iterable[Answer[T]], most: int) -> Iterator[Answer[T]]:
        """So many of them, 0 for all; that there are more is said beside the output."""
        for place, answer in enumerate(answers):
            if place == most > 0:
                self.output.note(f"There are more than {most}: --limit 0 shows all.")
                return
            yield answer

    def detail(self, answer: Answer[Any], kind: str, *more: Any) -> None:
        """Print one object; `kind` is its function in `epochal.cli.details`."""

        def draw() -> list[str]:
            from epochal.cli import details
            from epochal.cli.page import Page

            page = Page(self.output.width, self.output.style)
            lines: list[str] = getattr(details, kind)(page, answer.record, *more)
            return lines

        self.output.one(answer.raw, draw)

    def job(self, reference: str) -> str:
        """The id of the job that is meant. Raises CommandError."""
        from epochal.cli.naming import find_job

        return find_job(self, reference)

    def jobs(self) -> list[str]:
        """The ids of the jobs that the command names, each once."""
        return list(dict.fromkeys(self.job(reference) for reference in self.arguments.job))


def may_ask() -> bool:
    """Whether somebody is there to answer a question."""
    return bool(sys.stdin and sys.stdin.isatty() and sys.stderr.isatty())


def confirm(question: str, *, is_agreed: bool) -> None:
    """Raises CommandError unless it is agreed to: by `--yes`, or on the terminal. There is no question without one."""
    from epochal.cli.failures import CommandError
    from epochal.terminal.text import safe

    if is_agreed:
        return
    if not may_ask():
        raise CommandError("this deletes for good, and there is no terminal to ask on", "Say --yes.")
    sys.stderr.write(f"{safe(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError("nothing was deleted")
