"""Options that several commands share, and the settings they make."""

import os
from pathlib import Path

from service.cli.database_options import database_options
from service.settings import Settings, read_settings

__all__ = ["database_options", "settings_from"]

# For those who ask a service, not for the service itself.
_CLIENT_VARIABLES = ("CONSENT_LEDGER_KEY", "CONSENT_LEDGER_URL")


def settings_from(**overrides: object) -> Settings:
    """The settings of the environment, with what was given on the command line.

    Raises `service.settings.SettingsError`.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _CLIENT_VARIABLES}
    data_dir = overrides.get("data_dir")
    if isinstance(data_dir, Path):
        overrides["data_dir"] = data_dir.absolute()
    return read_settings(environment, **overrides)
