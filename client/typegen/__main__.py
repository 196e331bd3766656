"""`python -m typegen FOLDER < openapi.json` writes the modules of `epochal.types` into FOLDER. `make sdk` does so, and
formats what is written. A module that the document no longer asks for is removed."""

import json
import sys
from pathlib import Path

from typegen.document import Document
from typegen.modules import modules


def main() -> None:
    """Write the modules."""
    folder = Path(sys.argv[1])
    texts = modules(Document(json.load(sys.stdin)))
    for old in folder.glob("*.py"):
        if old.stem not in texts:
            old.unlink()
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
