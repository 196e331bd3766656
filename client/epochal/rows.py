"""Rows of a table: a list, and what a notebook wants of it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from epochal.errors import LocalError

T = TypeVar("T")


class Rows(list[T]):
    """Rows of a job, in order."""

    def to_dicts(self) -> list[dict[str, Any]]:
        """Each row as a dict, by its columns."""
        return [{name: getattr(row, name) for name in self._columns()} for row in self]

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame` with a column for each field. Raises LocalError where pandas is not installed."""
        try:
            import pandas
        except ImportError as error:
            raise LocalError(
                "A table for pandas needs pandas.", code="package_missing", hint="pip install pandas"
            ) from error
        return pandas.DataFrame(self.to_dicts(), columns=self._columns() or None)

    def _columns(self) -> list[str]:
        """What a newer service adds to a row is no column."""
        first: Any = self[0] if self else None
        return [field.name for field in fields(first) if field.name != "unknown_fields"] if self else []
