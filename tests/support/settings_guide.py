"""`docs/settings.md`, made from the fields of the settings: `python -m tests.support.settings_guide`."""

from pathlib import Path
from typing import Final

from service.settings.reading import Setting, known_settings

PATH: Final = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
_HEAD: Final = """# Settings

Each is an environment variable. In place of any of them, the same name with `_FILE` at its end names a file
that holds the value, as in `CONSENT_LEDGER_DATABASE_URL_FILE=/run/secrets/database-url`. A file that holds a
secret must not be open to others (mode 0600, or 0440 with a group, as an orchestrator mounts it). Both at
once are refused, and so is a name that starts with `CONSENT_LEDGER_` and is not below: it would be a misspelt
one. An option on the command line goes before both.

A wrong value stops the command with exit status 2 and one line that names the variable and what it takes; it
never repeats the value. Nothing is read again while a process runs: a change takes effect with a restart.

Keys are no settings. They are files in the data directory, `keys/<ledger>/signing.key`, `subject.key` and
`wrapping.key`, which only their owner, or a group, may read.

"""
_CLIENTS: Final = """
## For those who ask a service

| variable | takes | default | what it is | read by |
|---|---|---|---|---|
| `CONSENT_LEDGER_URL` | a URL | `http://127.0.0.1:8000` | Where the service is. | commands that ask it |
| `CONSENT_LEDGER_KEY` | `clk_…` | | An API key. | the same |

## For tests of the service itself

"""
_COLUMNS: Final = "| variable | takes | default | what it is | read by |\n|---|---|---|---|---|\n"
_FOR_TESTS: Final = "crash_at"


def guide() -> str:
    """The whole file."""
    known = known_settings()
    shown = "".join(_row(one) for name, one in known.items() if name != _FOR_TESTS)
    return _HEAD + _COLUMNS + shown + _CLIENTS + _COLUMNS + _row(known[_FOR_TESTS])


def _row(setting: Setting) -> str:
    option = f" Option: `{setting.facts.flag}`." if setting.facts.flag else ""
    secret = " A secret." if setting.facts.secret else ""
    cells = (
        f"`{setting.variable}`",
        setting.takes,
        _default(setting),
        f"{setting.meaning}{secret}{option}",
        setting.facts.read_by,
    )
    return f"| {' | '.join(cells)} |\n"


def _default(setting: Setting) -> str:
    if setting.default is None:
        return "unset"
    if setting.default == ():
        return "none"
    return f"`{str(setting.default).lower() if isinstance(setting.default, bool) else setting.default}`"


if __name__ == "__main__":
    PATH.write_text(guide(), encoding="utf-8")
