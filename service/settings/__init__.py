"""Every setting of the service, read once by the wiring."""

from service.settings.fields import Algorithm, Issuer, Settings, SettingsError
from service.settings.reading import read_settings

__all__ = ["Algorithm", "Issuer", "Settings", "SettingsError", "read_settings"]
