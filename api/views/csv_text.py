"""Rows as comma-separated values (RFC 4180)."""

import csv
import json
from collections.abc import Sequence
from io import StringIO

from api.schemas import ResponseSchema

MEDIA_TYPE = "text/csv"


def to_csv(kind: type[ResponseSchema], rows: Sequence[ResponseSchema]) -> str:
    """A header of the field names of `kind`, then a line a row: values as JSON has them, null as nothing at all."""
    text = StringIO()
    writer = csv.writer(text)  # whose own dialect is RFC 4180's
    writer.writerow(kind.model_fields)
    writer.writerows(json.loads(row.model_dump_json()).values() for row in rows)
    return text.getvalue()
