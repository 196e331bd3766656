"""The one error that stands for every mistake in a data set, and how others are told. Torch-free."""

import re

# In quotes, with whatever is in it; otherwise up to a space, where one can begin.
_FOLDERS = re.compile(
    r"""(?:(?<=['"])(?:file://)?/[^'"\n]*/|(?<![^\s'"(=\[{,`])(?:file://)?/(?:[^/\s'"<>|:;,()]+/)+)"""
)


class DatasetInvalid(ValueError):
    """The data set that the user named cannot be used: `detail` says what is wrong and where, `hint` what to change.

    Both go to whoever submitted a job, so that places in them are relative to the data sets' folder: where that is, is
    the server's own affair. In a notebook, `load_dataset` adds it as a note, which a traceback shows.
    """

    def __init__(self, detail: str, hint: str) -> None:
        # Both texts go into databases and JSON, while a file's name may hold bytes that are not UTF-8.
        self.detail = detail.encode(errors="backslashreplace").decode()
        self.hint = hint.encode(errors="backslashreplace").decode()
        super().__init__(self.detail, self.hint)  # so that it survives a pipe

    def __str__(self) -> str:
        return f"{self.detail} {self.hint}"


def told(error: BaseException) -> str:
    """What a library's error says, without the folders of this machine: for whoever submitted a job."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return without_folders(str(error))


def without_folders(text: str) -> str:
    """`text` with absolute paths cut down to their last names."""
    return _FOLDERS.sub("…/", text)
