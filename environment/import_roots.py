"""Places from which data sets may be imported: folders and S3 prefixes that the operator allows.

A source is written as a root is, `file:///srv/images/pets` or `s3://bucket/prefix/pets`, and must lie below one. Text
alone decides here; whoever reads a folder must look again, since a link in it may lead elsewhere.
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from environment.addresses import parse

_S3 = re.compile(r"s3://[A-Za-z0-9][A-Za-z0-9._-]+(/[A-Za-z0-9._=-]+)*/?")
SCHEMES = {"file": "file:///srv/images", "s3": "s3://bucket/prefix"}


def import_root(text: str) -> str:
    """A root or a source, without a slash at its end. Raises ValueError for what is neither a folder's absolute address
    nor that of a bucket, and for `..` in it."""
    if text.startswith("s3://"):
        if not _S3.fullmatch(text) or ".." in text.split("/"):
            raise ValueError("should be s3://bucket or s3://bucket/prefix")
        return text.rstrip("/")
    address = parse(text, schemes=SCHEMES)
    path = PurePosixPath(address.path)
    if address.scheme != "file" or address.authority or address.options or not path.is_absolute() or ".." in path.parts:
        raise ValueError("should be file:///an/absolute/folder or s3://bucket/prefix")
    return f"file://{path}".rstrip("/")


def is_below(source: str, roots: Sequence[str]) -> bool:
    """Whether `source` is one of `roots`, or lies in one."""
    return any(source == root or source.startswith(f"{root}/") for root in roots)
