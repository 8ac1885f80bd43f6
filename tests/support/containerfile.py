"""Reading a Containerfile: its instructions by stage, as far as ours goes."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PATH: Final = ROOT / "Containerfile"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction. `stage` counts the `FROM`s down to it: 0 above the first."""

    stage: int
    keyword: str
    argument: str

    def words(self) -> list[str]:
        """The argument as a list: of the exec form, or as a shell would part it."""
        if self.argument.startswith("["):
            return [str(word) for word in json.loads(self.argument)]
        return shlex.split(self.argument)

    def pairs(self) -> dict[str, str]:
        """The names and values of an `ENV`, a `LABEL` or an `ARG`."""
        return dict(word.partition("=")[::2] for word in self.words())


def instructions(text: str) -> list[Instruction]:
    """Every instruction, in order."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    found: list[Instruction] = []
    stage = 0
    for line in filter(None, map(str.strip, joined.splitlines())):
        keyword, _, argument = line.partition(" ")
        stage += keyword == "FROM"
        found.append(Instruction(stage, keyword, argument.strip()))
    return found


def ours() -> list[Instruction]:
    """Those of the project's Containerfile."""
    return instructions(PATH.read_text(encoding="utf-8"))


def values(found: list[Instruction], keyword: str, stage: int) -> dict[str, str]:
    """What the `ENV`s, `LABEL`s or `ARG`s of one stage say together."""
    return {
        name: value
        for one in found
        if (one.keyword, one.stage) == (keyword, stage)
        for name, value in one.pairs().items()
    }
