"""What reading an archive raises although nobody has thought of it: it is told with the member's name. Torch-free."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from training.archives.member_names import told_name
from training.errors import DatasetInvalid

_LOGGER = logging.getLogger(__name__)


class ReadingFailed(OSError):
    """A member could not be read, and this code is at fault, not the archive: the message names the member, and the log
    has the traceback.

    It is an OSError, as whoever reads archives takes those for no mistake of the user's.
    """


@contextmanager
def attributed(reading: str | Callable[[], str], meant: type[Exception] | tuple[()] = ()) -> Iterator[None]:
    """Raises ReadingFailed in place of an exception that nobody has thought of. `reading`: the member's name, or what
    returns it then. `meant`: an exception that is let through."""
    try:
        yield
    except (DatasetInvalid, OSError, MemoryError):
        raise
    except meant:
        raise
    except Exception as error:  # whatever it is: it is told with the member at which it was found
        name = reading if isinstance(reading, str) else reading()
        where = told_name(name) if name else "the archive"
        _LOGGER.exception("Reading %s has failed in a way that was not foreseen.", where)
        raise ReadingFailed(f"reading {where} has failed unexpectedly ({type(error).__name__})") from error
