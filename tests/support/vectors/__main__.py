"""The vectors of every format but the bundle's: `python -m tests.support.vectors` writes them anew.

They are the same at every run. A format that is released never changes, so neither do its vectors; a test
holds the files to what is made here.
"""

from collections.abc import Iterator

from tests.support.vectors import campaigns, entries, identities, logs, proofs, signatures
from tests.support.vectors.case import Vectors
from tests.support.vectors.decisions import decision_files


def all_vectors() -> Iterator[Vectors]:
    """Every file of vectors."""
    for part in (identities, entries, proofs, campaigns, signatures, logs):
        yield from part.all_of_them()


if __name__ == "__main__":
    for vectors in all_vectors():
        vectors.path.parent.mkdir(parents=True, exist_ok=True)
        vectors.path.write_text(vectors.text(), encoding="utf-8")
    for path, text in decision_files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
