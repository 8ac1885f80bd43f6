"""The snippets of a page of documentation, as its readers would run them."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
_PROGRAMS = Path(sys.executable).parent
_BETWEEN = "=-=-=-= next snippet =-=-=-="


class Snippet(NamedTuple):
    """One block of code, and the heading it stands under."""

    heading: str
    text: str


@dataclass(frozen=True)
class Ran:
    """What the snippets of a page printed, in their order, and what they left in the environment."""

    printed: list[str]
    environment: Mapping[str, str]


def page(name: str) -> str:
    """The text of a page."""
    return (ROOT / name).read_text(encoding="utf-8")


def snippets(text: str, language: str) -> list[Snippet]:
    """The page's blocks in this language."""
    found = []
    heading = ""
    for match in re.finditer(r"^#+ ([^\n]+)$|^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        title, kind, code = match.groups()
        if title is not None:
            heading = title
        elif kind == language:
            found.append(Snippet(heading, code))
    return found


def run_in_shell(texts: list[str], folder: Path, **settings: str) -> Ran:
    """Run them one after the other in one shell, as somebody who pastes them does. None may fail."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | settings
    environment["PATH"] = f"{_PROGRAMS}:{environment.get('PATH', '')}"
    between = f"\necho\necho '{_BETWEEN}'\n"
    script = "set -aeuo pipefail\n" + between.join([*texts, "env -0"])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        capture_output=True,
        check=False,
        env=environment,
        timeout=120,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    *printed, left = done.stdout.split(f"\n{_BETWEEN}\n")
    kept = dict(line.partition("=")[::2] for line in left.split("\0") if line)
    return Ran([each.strip() for each in printed], kept)
