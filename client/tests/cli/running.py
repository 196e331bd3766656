"""How tests run the command."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

URL = "http://service.test"


class Stream(io.StringIO):
    """A text stream that may be a terminal."""

    encoding = "utf-8"

    def __init__(self, text: str = "", *, is_terminal: bool = False) -> None:
        super().__init__(text)
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    error: str


Run = Callable[..., Result]
