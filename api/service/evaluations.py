"""Evaluations: made from files in the storage, and shown, in a process of its own. What was made is kept until newer
ones need the memory; a file never changes."""

import structlog

from api.http.errors import EvaluationNotMade, NotEvaluable, StorageUnavailable
from api.service.drawing_process import DrawingProcess, NotDrawn
from api.views.evaluations_data import REPORT, NotEvaluated, Shown, pack, unpack
from api.views.revision_cache import RevisionCache
from storage import FileDamaged, Storage, StoredFile

FORM = 1  # raised when the same file is shown differently
MAX_BYTES = 32 * 2**20  # of what is kept
LARGEST_FILE = 80 * 2**20  # bytes of predictions: a job stores up to 64 MiB of probabilities, and labels and digests

log = structlog.get_logger()


class Evaluations:
    """Makes and shows one at a time. Thread-safe; `FairLimits.expensive` bounds how many threads wait here."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._process = DrawingProcess("api.views.evaluations")
        self._made = RevisionCache[bytes](MAX_BYTES, len)

    def of_predictions(self, file: StoredFile) -> bytes:
        """The report of a job's predictions, as `training.evaluation.to_json` writes it. Raises NotEvaluable,
        EvaluationNotMade and StorageUnavailable."""
        if file.size_bytes > LARGEST_FILE:
            size, most = file.size_bytes // 2**20, LARGEST_FILE // 2**20
            raise NotEvaluable(
                f"Its predictions have {size:,} MiB, and up to {most} MiB are evaluated here: download them, or have "
                "its trained model evaluated."
            )
        return self._known(file.name) or self._keep(file.name, self._ask(REPORT, "", self._read(file)))

    def report(self, file: StoredFile) -> bytes:
        """A report that is stored. Raises StorageUnavailable."""
        return self._known(file.name) or self._keep(file.name, self._read(file))

    def show(self, file: StoredFile, report: bytes, form: Shown, title: str) -> bytes:
        """What is shown of the report of `file`. Raises NotEvaluable and EvaluationNotMade."""
        name = f"{file.name} {form} {title}"
        return self._known(name) or self._keep(name, self._ask(form, title, report))

    def close(self) -> None:
        """End the process, and wait for its end."""
        self._process.close()

    def _known(self, name: str) -> bytes | None:
        return self._made.get(name, FORM)

    def _keep(self, name: str, content: bytes) -> bytes:
        self._made.put(name, FORM, content)
        return content

    def _ask(self, form: str, title: str, content: bytes) -> bytes:
        try:
            return unpack(self._process.ask(pack(form, title, content)))
        except NotDrawn as error:
            raise EvaluationNotMade(str(error)) from error
        except NotEvaluated as error:
            raise NotEvaluable(str(error)) from error

    def _read(self, file: StoredFile) -> bytes:
        try:
            return self._storage.read_verified(file)
        except (OSError, FileDamaged) as error:
            log.warning("file of an evaluation not read", name=file.name, error=str(error))
            raise StorageUnavailable("It does not give out what was stored: ask again in a few seconds.") from error
