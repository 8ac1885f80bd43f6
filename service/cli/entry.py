"""The program's door: which commands there are, and how everything that goes wrong is told.

Whatever goes wrong is one line on standard error that says what to do, never a traceback. Statuses: 0 yes
or sound; 1 no or unsound (a deny, not verified, findings, a database that is not what was signed); 2 could
not be done; 70 a bug of ours; 130 interrupted.

A command's module is imported only when that command runs, so that `--help` and `verify` answer at once.
"""

import importlib
import logging
import os
import sys
import traceback
from collections.abc import Sequence

import click

PROGRAM = "consent-ledger"

_OWN = {"service", *sys.stdlib_module_names}

OK, NO, FAILED, BUG, INTERRUPTED = 0, 1, 2, 70, 130

# Name: module, attribute and the line in the list of commands. Hidden commands have no line.
_COMMANDS = {
    "serve": ("service.cli.serve", "serve", "Serve, with a PostgreSQL of its own unless one is configured."),
    "worker": ("service.cli.worker", "worker", "Deliver webhooks; several may run at once."),
    "relay": ("service.cli.relay", "relay", "Publish every event to NATS JetStream or Kafka."),
    "subscriptions": (
        "service.cli.subscriptions",
        "subscriptions",
        "Begin, look at, pause, resume and end webhooks.",
    ),
    "check": ("service.cli.check", "check", "Ask a running service: may this be sent?"),
    "why": ("service.cli.why", "why", "Answer a person: why did you mail me, and what do you hold?"),
    "erase": ("service.cli.erase", "erase", "Destroy everything that is held of a person."),
    "scrub": (
        "service.cli.scrub",
        "scrub",
        "Leave nothing of erased or replaced keys in the database's files.",
    ),
    "import": (
        "service.cli.import_list.command",
        "import_list",
        "Take over an old list, with what it can show.",
    ),
    "verify": ("service.cli.verify", "verify", "Verify a bundle offline."),
    "verifier": ("service.cli.verifier", "verifier", "Write the page that verifies a bundle in a browser."),
    "scenarios": ("service.cli.scenarios", "scenarios", "Run worked cases and compare the answers."),
    "rulebook": ("service.cli.rulebook", "rulebook", "Show, try and publish what decides."),
    "audit": ("service.cli.audit", "audit", "Replay the whole ledger and compare it with what was signed."),
    "export": ("service.cli.export.command", "export", "Write the ledger, or a part of it, to a file."),
    "report": ("service.cli.export.report", "report", "Take the report for people out of an export."),
    "keys": ("service.cli.keys", "keys", "Make, list and revoke API keys; rotate signing and wrapping keys."),
    "ledgers": ("service.cli.ledgers", "ledgers", "Make and list ledgers: one a tenant."),
    "doctor": ("service.cli.doctor", "doctor", "Look at everything that goes wrong in practice."),
    "partition": (
        "service.cli.partition",
        "partition",
        "Audit the map without seeing any record.",
    ),
    "witness": ("service.cli.witness", "witness", "Witness the growth of other logs."),
    "migrate": ("service.cli.migrate", "migrate", "Bring the database to this version's schema."),
    "demo": ("service.cli.demo.command", "demo", "Watch the stories it was born from, and the proofs."),
    "_worker": ("service.cli.serve", "worker", ""),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports them when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Those that are for people, in the order in which they need them."""
        del ctx
        return [name for name, (_, _, line) in _COMMANDS.items() if line]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command. None: there is none of this name."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        if "structlog" in sys.modules:
            # Not set up, it writes to standard output, and the values of variables with every error.
            from service.telemetry.logs import configure_logging  # noqa: PLC0415 - half a second at the worst

            configure_logging()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][2]) for name in self.list_commands(ctx)])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=PROGRAM, prog_name=PROGRAM)
def cli() -> None:
    """May I send category X to address Y now? Ask, prove, verify.

    Exit statuses: 0 yes or sound, 1 no or unsound, 2 could not be done, 70 a bug.
    """


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows a question mark; it is no reason to fail.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # both are text streams at start
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        status = cli.main(list(arguments), prog_name=PROGRAM, standalone_mode=False)
    except click.Abort:
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return FAILED
    except Exception as error:  # noqa: BLE001 - the last line of defence: one line, whatever it is
        status, line = explain(error)
        click.echo(f"{PROGRAM}: {line}", err=True)
    return status if isinstance(status, int) else OK


def explain(error: Exception) -> tuple[int, str]:
    """The exit status and the one line for whatever a command raised."""
    from service.core.errors import ForkError, LedgerError  # noqa: PLC0415 - not needed for --help
    from service.settings import SettingsError  # noqa: PLC0415 - same

    if isinstance(error, click.UsageError) and error.ctx is not None:
        return FAILED, f"{_one_line(error.format_message())} (see {error.ctx.command_path} --help)"
    if isinstance(error, click.ClickException):
        return FAILED, _one_line(error.format_message())
    if isinstance(error, LedgerError | SettingsError):
        return NO if isinstance(error, ForkError) else FAILED, _one_line(str(error))
    if isinstance(error, OSError) and error.strerror:
        return FAILED, _one_line(f"{error.filename or 'input/output'}: {error.strerror}")
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] not in _OWN:
        return FAILED, f"{error.name} is not installed here: pip install {PROGRAM}, for more than to verify"
    return BUG, f"this is a bug of {PROGRAM}: {_where(error)}; please report it with this line"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _where(error: Exception) -> str:
    """Type and place, never the message: it may quote what somebody sent."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if f"{os.sep}service{os.sep}" in frame.filename] or frames
    if not own:
        return type(error).__name__
    return f"{type(error).__name__} at {own[-1].filename.rpartition(os.sep)[2]}:{own[-1].lineno}"
