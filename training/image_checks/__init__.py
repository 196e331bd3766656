"""Checks on the images of a data set. Torch-free: Pillow and numpy are enough.

`features` measures each image once, while it is decoded. `report` judges them all, again and again as labels and splits
are edited, without decoding. Between them, `duplicates` finds what is alike (by `hashing`, `joining`, `similarity`),
`quality`, `balance`, `twins`, `files` and `naming` say what is wrong, in the form of `findings`.
"""

from training.image_checks.duplicates import Duplicates, NearPairs, find_duplicates
from training.image_checks.features import FEATURES, Features, Measurer, measure
from training.image_checks.files import SkippedFiles
from training.image_checks.findings import TEST, TRAIN, Example, Finding, Severity
from training.image_checks.report import ClassCount, Report, Sizes, duplicates_of, make_report, mended_by

__all__ = [
    "FEATURES",
    "TEST",
    "TRAIN",
    "ClassCount",
    "Duplicates",
    "Example",
    "Features",
    "Finding",
    "Measurer",
    "NearPairs",
    "Report",
    "Severity",
    "Sizes",
    "SkippedFiles",
    "duplicates_of",
    "find_duplicates",
    "make_report",
    "measure",
    "mended_by",
]
