"""Rows as comma-separated values (RFC 4180)."""

import csv
import json
from collections.abc import Sequence
from io import StringIO

from api.schemas import ResponseSchema

MEDIA_TYPE = "text/csv"


def to_csv(kind: type[ResponseSchema], rows: Sequence[ResponseSchema]) -> str:
    """A header with the field names of `kind`, then one line per row. Values are as in JSON; null is empty."""
    text = StringIO()
    writer = csv.writer(text)  # its default dialect is that of RFC 4180
    writer.writerow(kind.model_fields)
    writer.writerows(json.loads(row.model_dump_json()).values() for row in rows)
    return text.getvalue()
