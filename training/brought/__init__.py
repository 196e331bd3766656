"""Trained weights that somebody brings as a file: read, told what they are of, and written in our own form. Torch-free.

A file is never unpickled, nothing of it is believed, and at most CHUNK_BYTES of it are in memory, beside its header.
"""

from training.brought.description import WeightsDescription
from training.brought.errors import Difference, WeightsRefused
from training.brought.header import Header, Source, TensorEntry, read_header, refuse_pickle
from training.brought.matching import Match, match
from training.brought.rewriting import CHUNK_BYTES, rewrite

__all__ = [
    "CHUNK_BYTES",
    "Difference",
    "Header",
    "Match",
    "Source",
    "TensorEntry",
    "WeightsDescription",
    "WeightsRefused",
    "match",
    "read_header",
    "refuse_pickle",
    "rewrite",
]
