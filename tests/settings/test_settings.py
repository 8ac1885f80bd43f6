"""Settings come from the environment or from files; what is wrong is one line without the value."""

import ast
import re
from pathlib import Path

import click
import pytest

from service.cli.entry import cli
from service.settings import Settings, SettingsError, read_settings
from service.settings.reading import Setting, known_settings
from tests.support.settings_guide import PATH, guide

ROOT = Path(__file__).resolve().parents[2]
WRONG = {
    "ORIGIN_HOST": "Ledger.Example",
    "PUBLIC_URL": "prefs.example.com",
    "PORT": "65536",
    "LEDGER": "Main",
    "POOL_SIZE": "1",
    "ISSUERS": '[{"issuer": "https://idp.example"}]',
    "REQUESTS_PER_MINUTE": "many",
    "ADDRESSES_PER_DAY": "-1",
    "SHUTDOWN_SECONDS": "0",
    "METRICS_PORT": "0",
    "LOG_REQUESTS": "some",
    "TRACING": "maybe",
    "ALLOW_PRIVATE_SINKS": "2",
}


def a_file(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "value"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(("name", "value"), WRONG.items())
def test_a_wrong_value_is_one_line_that_names_the_variable_and_what_it_takes(name: str, value: str) -> None:
    setting = known_settings()[name.lower()]
    with pytest.raises(SettingsError) as refused:
        read_settings({setting.variable: value})
    said = str(refused.value)
    assert said.startswith(f"{setting.variable} takes {setting.takes}")
    assert "\n" not in said
    assert not re.search(rf"(?<!\w){re.escape(value)}(?!\w)", said)


def test_a_wrong_option_is_named_as_it_was_given() -> None:
    with pytest.raises(SettingsError, match=r"^--ledger takes up to 63"):
        read_settings({}, ledger="Main")


def test_a_variable_that_does_not_exist_is_refused_with_the_page_that_lists_them() -> None:
    with pytest.raises(SettingsError, match=r"CONSENT_LEDGER_PROT.*docs/settings\.md"):
        read_settings({"CONSENT_LEDGER_PROT": "1"})


@pytest.mark.parametrize(("text", "port"), [("8080", 8080), ("8080\n", 8080), (" 8080 \r\n", 8080)])
def test_every_setting_may_be_a_file(tmp_path: Path, text: str, port: int) -> None:
    assert read_settings({"CONSENT_LEDGER_PORT_FILE": a_file(tmp_path, text, 0o644)}).port == port


@pytest.mark.parametrize("variable", ["DATABASE_URL", "CONSENT_LEDGER_DATABASE_URL"])
@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440])
def test_a_secret_may_be_a_file_that_its_owner_or_a_group_may_read(
    tmp_path: Path, variable: str, mode: int
) -> None:
    path = a_file(tmp_path, "postgresql://u:p@h/d\n", mode)
    assert read_settings({f"{variable}_FILE": path}).database_url == "postgresql://u:p@h/d"


@pytest.mark.parametrize("variable", ["DATABASE_URL", "CONSENT_LEDGER_DATABASE_URL"])
@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o601])
def test_a_secret_in_a_file_open_to_others_is_refused_with_what_to_do(
    tmp_path: Path, variable: str, mode: int
) -> None:
    path = a_file(tmp_path, "postgresql://u:p@h/d", mode)
    with pytest.raises(SettingsError, match=f"{variable}_FILE .*chmod 600 {re.escape(path)}$"):
        read_settings({f"{variable}_FILE": path})


def test_a_value_and_a_file_at_once_are_refused(tmp_path: Path) -> None:
    given = {"CONSENT_LEDGER_PORT": "1", "CONSENT_LEDGER_PORT_FILE": a_file(tmp_path, "2")}
    with pytest.raises(SettingsError, match="both set"):
        read_settings(given)


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff\xfe80", b"8" * 70_000])
def test_a_file_that_holds_no_value_is_refused_by_the_name_of_its_variable(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "value"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="CONSENT_LEDGER_PORT_FILE"):
        read_settings({"CONSENT_LEDGER_PORT_FILE": str(path)})


@pytest.mark.parametrize("path", ["nowhere", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_refused_by_the_name_of_its_variable(path: str) -> None:
    with pytest.raises(SettingsError, match="CONSENT_LEDGER_PORT_FILE names a file that cannot be read"):
        read_settings({"CONSENT_LEDGER_PORT_FILE": path})


def test_an_option_goes_before_the_environment() -> None:
    assert read_settings(
        {"CONSENT_LEDGER_PORT": "1", "DATABASE_URL": "a"}, port=2, database_url="b"
    ) == Settings(port=2, database_url="b")


def test_the_own_variable_goes_before_the_plain_one() -> None:
    both = {"CONSENT_LEDGER_DATABASE_URL": "own", "DATABASE_URL": "plain"}
    assert read_settings(both).database_url == "own"


def test_the_page_of_settings_is_made_of_the_code() -> None:
    assert PATH.read_text(encoding="utf-8") == guide(), "run: python -m tests.support.settings_guide"


@pytest.mark.parametrize("setting", known_settings().values(), ids=lambda one: one.name)
def test_every_setting_says_what_it_means_and_who_reads_it(setting: Setting) -> None:
    assert setting.meaning.endswith("."), "give the field an _about(...)"
    assert setting.facts.read_by


@pytest.mark.parametrize("setting", known_settings().values(), ids=lambda one: one.name)
def test_every_setting_is_read_somewhere(setting: Setting) -> None:
    assert any(setting.name in attributes_of_settings(module) for module in (ROOT / "service").rglob("*.py"))


@pytest.mark.parametrize(
    "setting", [one for one in known_settings().values() if one.facts.flag], ids=lambda one: one.name
)
def test_an_option_that_the_page_names_is_one_of_a_command_that_reads_it(setting: Setting) -> None:
    readers = re.findall(r"`([a-z]+)`", setting.facts.read_by) or ["serve"]
    commands = filter(None, (cli.get_command(click.Context(cli), name) for name in readers))
    options = {option for command in commands for parameter in command.params for option in parameter.opts}
    assert setting.facts.flag in options


def attributes_of_settings(module: Path) -> set[str]:
    """The names read as `settings.<name>`, and those that may be read through `getattr`."""
    text = module.read_text(encoding="utf-8")
    read = {
        node.attr
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("settings")
    }
    return read | set(
        re.findall(r'"([a-z_]+)"', text) if "getattr(settings" in text.replace("self._", "") else ()
    )
