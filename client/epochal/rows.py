"""Rows of a table: a list, and what a notebook wants of it."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, TypeVar

from epochal.errors import LocalError

T = TypeVar("T")


class Rows(list[T]):
    """Rows of a job, in order."""

    def to_dicts(self) -> list[dict[str, Any]]:
        """Each row as a dict, by its columns."""
        return [asdict(row) for row in self]  # type: ignore[call-overload]  # rows are records, which are dataclasses

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame` with a column for each field. Raises LocalError where pandas is not installed."""
        try:
            import pandas
        except ImportError as error:
            raise LocalError(
                "A table for pandas needs pandas.", code="package_missing", hint="pip install pandas"
            ) from error
        columns = [field.name for field in fields(self[0])] if self else None  # type: ignore[arg-type]  # likewise
        return pandas.DataFrame(self.to_dicts(), columns=columns)
