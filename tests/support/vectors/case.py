"""One case of a file of vectors, and how the files are written."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.core.errors import LedgerError
from tests.support.vectors.service_side import READ

FOLDER = Path(__file__).resolve().parents[3] / "schemas" / "vectors"

Json = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """What goes in, and what comes out or why nothing does."""

    name: str
    given: Json
    out: Json | None
    refused: str | None = None

    def as_json(self) -> Json:
        """As it stands in the file."""
        ending = {"out": self.out} if self.refused is None else {"refused": self.refused}
        return {"name": self.name, "in": self.given, **ending}


class Vectors:
    """The cases of one file, in the order they were added."""

    def __init__(self, name: str, about: str) -> None:
        self.name = name
        self.about = about
        self.cases: list[Case] = []

    def accept(self, name: str, **given: Any) -> Json:  # noqa: ANN401 - JSON values
        """Add what is accepted, with what comes out of it."""
        out = READ[self.name](given)
        self.cases.append(Case(name, given, out))
        return out

    def refuse(self, name: str, reason: str, **given: Any) -> None:  # noqa: ANN401 - JSON values
        """Add what is refused. Raises `AssertionError` where the service accepts it."""
        try:
            READ[self.name](given)
        except LedgerError:
            self.cases.append(Case(name, given, None, reason))
        else:
            raise AssertionError(f"{self.name}: {name} is accepted")

    @property
    def path(self) -> Path:
        """Where the file stands."""
        return FOLDER / f"{self.name}.json"

    def text(self) -> str:
        """What stands in it."""
        document = {"about": self.about, "cases": [case.as_json() for case in self.cases]}
        return json.dumps(document, ensure_ascii=True, indent=1) + "\n"
