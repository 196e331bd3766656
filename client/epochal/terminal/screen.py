"""Lines that stay, and below them a block that is redrawn in place.

The cursor rests hidden on the block's first cell. Terminals keep it there when they wrap lines anew on a resize, and so
to erase from the cursor on removes the block whatever became of its lines. A frame is one write between the marks of a
synchronized update (https://gist.github.com/christianparpart/d8a62cc1ab659194337d73e399004036), which terminals that do
not know them ignore: nothing flickers.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType, TracebackType
from typing import TextIO

from epochal.terminal.text import Style, is_live

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_ERASE = "\r\x1b[J"  # from the start of the line to the end of the screen
_LEAVING = ("SIGTERM", "SIGHUP", "SIGTSTP")


class Screen:
    """A text stream as a place for lines and a block. Where it is no terminal, or a dumb one, there are lines alone,
    without any control sequence.

    A context manager: at its end, however it ends, the block is erased and the cursor shown again. The same happens
    when a signal ends or stops the program, where it is used in the main thread. Writing raises BrokenPipeError when
    nobody reads any more: the pipe's other end was closed, or the terminal.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        style: Style | None = None,
        *,
        live: bool | None = None,
        size: Callable[[], tuple[int, int]] | None = None,
    ) -> None:
        self._stream = sys.stdout if stream is None else stream
        self.live = is_live(self._stream) if live is None else live
        self.style = Style.of(self._stream) if style is None else style
        self._size = self._measured if size is None else size
        self._handlers: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}
        self._block = False

    def size(self) -> tuple[int, int]:
        """Columns and rows, as they are now. A block has one row less, and one column less: a line that fills the last
        cell would leave the cursor in a place on which terminals do not agree.
        """
        return self._size()

    def _measured(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return 80, 24
        return size.columns or 80, size.lines or 24

    def draw(self, lines: Sequence[str], block: Sequence[str] = ()) -> None:
        """Print lines for good, and draw the block below them, in the place of the last one. Lines are as they are to
        be printed: safe, and those of the block no wider than `size` allows.
        """
        if not self.live:
            if lines:
                self._write("".join(f"{line}\n" for line in lines))
            return
        shown = list(block)[: max(1, self.size()[1] - 1)]
        back = f"\r\x1b[{len(shown) - 1}A" if len(shown) > 1 else "\r"
        erase = _ERASE if self._block else ""
        printed = "".join(f"{line}\n" for line in lines)
        self._block = bool(shown)
        self._write(f"{_BEGIN}{erase}{printed}{chr(10).join(shown)}{back if shown else ''}{_END}")

    def _write(self, text: str) -> None:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        try:
            # What the encoding lacks is spelled out: a name must not end the display.
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            self._stream.flush()
        except OSError as error:
            if error.errno == errno.EIO:  # a terminal that was closed
                raise BrokenPipeError(error.errno, error.strerror) from error
            raise

    def __enter__(self) -> Screen:
        """Hide the cursor."""
        if self.live:
            self._take_signals()
            self._write(HIDE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Erase the block and show the cursor. Where nobody reads any more, there is nothing to restore."""
        if not self.live:
            return
        with suppress(OSError, ValueError):
            self._write(f"{_ERASE if self._block else ''}{SHOW}")
        self._block = False
        self._give_back_signals()

    def _take_signals(self) -> None:
        for name in _LEAVING:
            number = getattr(signal, name, None)
            if number is None:
                continue
            try:
                if signal.getsignal(number) == signal.SIG_DFL:
                    self._handlers[number] = signal.signal(number, self._leave)
            except ValueError:  # only the main thread may
                return

    def _give_back_signals(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()

    def _leave(self, number: int, _frame: FrameType | None) -> None:
        """Restore the terminal, and do as the signal says by default. A program that was stopped comes back here."""
        self._at_once(f"{_ERASE if self._block else ''}{SHOW}")
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, self._leave)
        self._block = False  # the shell has written below it
        self._at_once(HIDE)

    def _at_once(self, text: str) -> None:
        """Past the stream's buffer, in which the signal may have interrupted a write."""
        with suppress(OSError, ValueError):
            os.write(self._stream.fileno(), text.encode("ascii"))
