"""What a reader may count on in every module."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("service", "tests", "alembic")

LONGEST_MODULE = 350
LONGEST_FUNCTION = 40
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}

UNFINISHED = re.compile(r"\b(?:FIXME|TODO|XXX)\b")
SUPPRESSION = re.compile(r"noqa|type: *ignore|pragma:|mypy:|ruff:")
REASONED = re.compile(
    r"noqa: [A-Z]+[0-9]+(?:, ?[A-Z]+[0-9]+)* - \w"
    r"|type: ignore\[[a-z-]+(?:, ?[a-z-]+)*\] +# \w"
    r"|pragma: no (?:cover|branch) - \w"
)
OF_ONE_MACHINE = re.compile(r"(?<![\w.}])/(?:work|root|home|Users)/\w")
TEXTS = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".sql", ".mako", ""}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders or FOLDERS:
        yield from sorted((ROOT / folder).rglob("*.py"))


def comments(module: Path) -> Iterator[tuple[int, str]]:
    source = io.StringIO(module.read_text(encoding="utf-8"))
    for token in tokenize.generate_tokens(source.readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def functions(module: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines_of_code(function: Function) -> int:
    """From `def` to the end, without the docstring."""
    said = function.body[0] if ast.get_docstring(function, clean=False) is not None else None
    documentation = (said.end_lineno or said.lineno) - said.lineno + 1 if said else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - documentation


def place(module: Path, line: int = 1) -> str:
    return f"{module.relative_to(ROOT)}:{line}"


def test_there_is_something_to_read() -> None:
    assert all(any(modules(folder)) for folder in FOLDERS)


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    long = [
        place(module, count)
        for module in modules()
        if (count := len(module.read_text(encoding="utf-8").splitlines())) > LONGEST_MODULE
    ]
    assert not long, "\n".join(long)


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{place(module, function.lineno)} {function.name}"
        for module in modules()
        for function in functions(module)
        if lines_of_code(function) > LONGEST_FUNCTION
    ]
    assert not long, "\n".join(long)


def test_every_module_says_what_it_is_for() -> None:
    mute = [
        place(module)
        for module in modules()
        if not ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))
    ]
    assert not mute, "\n".join(mute)


def test_nothing_is_left_for_later() -> None:
    later = [
        place(module, line)
        for module in modules()
        for line, text in comments(module)
        if UNFINISHED.search(text)
    ]
    assert not later, "\n".join(later)


def test_every_suppressed_finding_has_its_code_and_a_reason() -> None:
    bare = [
        f"{place(module, line)} {text}"
        for module in modules()
        for line, text in comments(module)
        if SUPPRESSION.search(text) and not REASONED.search(text)
    ]
    assert not bare, "\n".join(bare)


def test_every_name_says_what_the_module_is_about() -> None:
    vague = [
        place(module)
        for module in modules()
        if VAGUE & {part.removesuffix(".py") for part in module.relative_to(ROOT).parts}
    ]
    assert not vague, "\n".join(vague)


def test_the_folder_of_migrations_never_hides_the_library_of_the_same_name() -> None:
    assert not (ROOT / "alembic" / "__init__.py").exists()


def test_no_file_names_a_place_of_one_machine() -> None:
    folders = (*FOLDERS, "docs", "schemas", "openapi", "k8s", ".ci")
    files = [path for path in ROOT.iterdir() if path.name != ".git" and path.suffix != ".lock"]
    files += [path for folder in folders for path in (ROOT / folder).rglob("*")]
    named = [
        place(path, number)
        for path in sorted(files)
        if path.is_file() and path.suffix in TEXTS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if OF_ONE_MACHINE.search(line)
    ]
    assert not named, "\n".join(named)
