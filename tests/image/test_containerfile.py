"""The image, read: what an engine would build of it is held to what an operations team asks for."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import click
import pytest

from service.cli.entry import cli
from service.settings.reading import PREFIX, known_settings
from tests.support.containerfile import PATH, ROOT, Instruction, instructions, ours, values

HADOLINT = Path(sys.executable).parent / "hadolint"
BUILD, LAST = 1, 2
NEVER_IN_THE_LAST = re.compile(r"\b(?:apt-get|apk|gcc|make|git|curl|wget|uv|hatchling)\b")


def only(keyword: str, stage: int = LAST) -> Instruction:
    (found,) = [one for one in ours() if (one.keyword, one.stage) == (keyword, stage)]
    return found


def copied(stage: int) -> Iterable[str]:
    for one in ours():
        if (one.keyword, one.stage) == ("COPY", stage) and not one.argument.startswith("--from"):
            yield from one.words()[:-1]


def project() -> dict[str, str]:
    loaded: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return loaded


@pytest.mark.skipif(not HADOLINT.exists(), reason="hadolint has no wheel for this machine")
def test_hadolint_and_shellcheck_find_nothing() -> None:
    found = subprocess.run([HADOLINT, PATH], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_the_stages_are_two_on_one_base_with_an_exact_tag() -> None:
    assert [one.argument for one in ours() if one.keyword == "FROM"] == ["${BASE} AS build", "${BASE}"]
    assert re.fullmatch(r"python:3\.1[123]\.\d+-slim-\w+", values(ours(), "ARG", 0)["BASE"])


def test_everything_that_is_copied_is_there_and_nothing_else_is_sent_to_the_engine() -> None:
    sources = {source.rstrip("/") for source in copied(BUILD)}
    assert [source for source in sources if not (ROOT / source).exists()] == []
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == sources


def test_what_is_installed_is_checked_against_hashes() -> None:
    runs = [one.argument for one in ours() if (one.keyword, one.stage) == ("RUN", BUILD)]
    steps = [step for run in runs for step in run.split(" && ")]
    assert "--require-hashes" in steps[0]
    for step in steps[1:]:
        assert step.startswith("uv ")
        assert "--frozen" in step or "--offline" in step or "--no-build-isolation" in step


def test_the_installer_is_the_one_that_make_uses() -> None:
    locked = (ROOT / ".ci" / "uv.txt").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    version = re.search(r"^UV_VERSION := (\S+)$", makefile, re.MULTILINE)
    assert version is not None
    assert locked.startswith(f"uv=={version[1]} \\\n    --hash=sha256:")


def test_it_runs_as_a_numbered_user_that_is_not_root() -> None:
    user, _, group = only("USER").argument.partition(":")
    assert int(user) >= 10_000
    assert int(group) >= 10_000


def test_the_last_stage_has_no_tools_to_build_or_fetch_with() -> None:
    runs = [one.argument for one in ours() if (one.keyword, one.stage) == ("RUN", LAST)]
    assert [run for run in runs if NEVER_IN_THE_LAST.search(run)] == []
    assert any("uninstall" in run and run.rstrip().split(" && ")[0].endswith(" pip") for run in runs)


def test_the_program_is_the_first_process_and_gets_the_signal_that_drains_it() -> None:
    assert only("ENTRYPOINT").argument.startswith("[")
    (name,) = only("ENTRYPOINT").words()
    assert name in project()["scripts"]
    assert only("STOPSIGNAL").argument == "SIGTERM"
    (command, *options) = only("CMD").words()
    assert command in cli.list_commands(click.Context(cli))
    assert options == []


def test_its_variables_are_settings() -> None:
    known = {setting.variable for setting in known_settings().values()}
    assert {name for name in values(ours(), "ENV", LAST) if name.startswith(PREFIX)} <= known


def test_it_listens_where_it_says() -> None:
    assert int(only("EXPOSE").argument) == known_settings()["port"].default
    assert values(ours(), "ENV", LAST)["CONSENT_LEDGER_HOST"] == "0.0.0.0"  # noqa: S104 - read, not bound


def test_the_one_place_that_is_written_to_is_a_volume_of_its_user() -> None:
    data = values(ours(), "ENV", LAST)["CONSENT_LEDGER_DATA_DIR"]
    assert only("VOLUME").argument == data
    user, _, group = only("USER").argument.partition(":")
    made = f"install --directory --owner {user} --group {group} --mode 0700 {data}"
    assert any(made in one.argument for one in ours() if (one.keyword, one.stage) == ("RUN", LAST))


def test_its_labels_say_what_it_is() -> None:
    labels = values(ours(), "LABEL", LAST)
    named = {name.removeprefix("org.opencontainers.image."): value for name, value in labels.items()}
    assert named["title"] == project()["name"]
    assert named["licenses"] == project()["license"]
    assert named["version"] == "${VERSION}"
    assert values(ours(), "ARG", LAST)["VERSION"] == project()["version"]


def test_the_environment_is_copied_from_where_it_was_built() -> None:
    built = values(ours(), "ENV", BUILD)["UV_PROJECT_ENVIRONMENT"]
    (copy,) = [one for one in ours() if one.keyword == "COPY" and one.argument.startswith("--from")]
    assert copy.argument == f"--from=build {built} {built}"
    assert values(ours(), "ENV", LAST)["PATH"].startswith(f"{built}/bin:")


def test_the_reader_joins_lines_and_skips_comments() -> None:
    text = 'ARG A=1\n# a word\nFROM x\nENV B=2 \\\n    C=3\nCMD ["d", "e"]\n'
    found = instructions(text)
    assert found[0] == Instruction(0, "ARG", "A=1")
    assert values(found, "ENV", 1) == {"B": "2", "C": "3"}
    assert found[-1].words() == ["d", "e"]
