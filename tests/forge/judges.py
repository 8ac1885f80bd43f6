"""Two verifiers of one bundle: the service's own, and the page's, which Node runs."""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import Any, Self

from service.core.notes import Verifier
from service.core.verifier import verify_bundle
from service.ledger.packs import shipped_packs
from tests.support.forgery import failing_step, world
from tests.support.trusted_world import WITNESS
from tests.support.verifier_page import published_schemas

WEB = Path(__file__).resolve().parents[2] / "service" / "core" / "web"
ACCEPTED = "-"


@cache
def packs() -> tuple[bytes, ...]:
    """The packs that every verifier has at hand."""
    return tuple(shipped_packs().values())


def trusted() -> list[Verifier]:
    """The key that every log here began with, and a witness's."""
    return [world().signer.verifier, WITNESS.verifier]


def by_python(raw: bytes, held: bytes | None, documents: Sequence[bytes] | None = None) -> str:
    """The failing step, or "-"; the packs are at hand unless other documents are."""
    at_hand = packs() if documents is None else documents
    verdict = verify_bundle(raw, verifiers=trusted(), held=held, documents=at_hand)
    return str(failing_step(verdict) or ACCEPTED)


class ByNode:
    """The page's modules in a process of Node."""

    def __init__(self) -> None:
        with NamedTemporaryFile("w", suffix=".json", delete=False) as file:
            given = {
                "schemas": published_schemas(),
                "vkeys": [key.vkey for key in trusted()],
                "held": None,
                "documents": [pack.decode() for pack in packs()],
            }
            json.dump(given, file)
        self._given = Path(file.name)
        judge = Path(__file__).with_name("judge.mjs")
        self._node = subprocess.Popen(
            ["node", str(judge), str(WEB), file.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    @staticmethod
    def missing() -> str | None:
        """What must be installed first, if anything."""
        return (
            None if shutil.which("node") else "no Node: the page's verifier is not run (apt install nodejs)"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._node.stdin.close()
        self._node.stdout.close()
        self._node.wait(30)
        self._given.unlink()

    def send(self, bundles: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Hand it bundles, each with the checkpoint that is held; it judges them meanwhile."""
        self._write(
            {"bundle": base64.b64encode(raw).decode(), "held": held.decode() if held is not None else None}
            for raw, held in bundles
        )

    def send_vector(self, vector: dict[str, Any]) -> None:
        """Hand it a published vector, with what it holds beside the bundle."""
        held = {name: vector[name] for name in ("vkeys", "held", "documents")}
        self._write([held | {"bundle": base64.b64encode(vector["bundle"].encode()).decode()}])

    def _write(self, lines: Iterable[dict[str, Any]]) -> None:
        assert self._node.stdin is not None
        self._node.stdin.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        self._node.stdin.flush()

    def verdicts(self, count: int) -> list[str]:
        """What it found of so many."""
        assert self._node.stdout is not None
        return [self._node.stdout.readline().decode().strip() for _ in range(count)]
