"""Settings read once: from the environment, or from files that it names. What is wrong is one line."""

import os
import stat
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec
from msgspec import inspect

from service.settings.fields import Facts, Settings, SettingsError

PREFIX = "CONSENT_LEDGER_"
FILE = "_FILE"
"""Ends the name of a variable that holds the path of a file in place of the value."""

_PLAIN_DATABASE_URL = "DATABASE_URL"
_FILE_BYTES_MAX = 65_536
OPEN_TO_OTHERS = stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP
"""What a file with a secret must not be. A group may read: that is how an orchestrator mounts it."""


class Setting(msgspec.Struct, frozen=True):
    """One setting as people see it. `takes`: what a value has to be, in words."""

    name: str
    variable: str
    meaning: str
    takes: str
    default: object
    facts: Facts


@cache
def known_settings() -> dict[str, Setting]:
    """Every setting by the name of its field."""
    return {field.name: _setting(field) for field in msgspec.structs.fields(Settings)}


def read_settings(environment: Mapping[str, str], **overrides: object) -> Settings:
    """The settings of this environment; an override that is None does not override.

    Raises `SettingsError`.
    """
    known = known_settings()
    variables = {setting.variable: name for name, setting in known.items()}
    names = {*variables, *(variable + FILE for variable in variables)}
    if unknown := {name for name in environment if name.startswith(PREFIX)} - names:
        raise SettingsError(f"no such setting: {', '.join(sorted(unknown))} (docs/settings.md lists them)")
    given: dict[str, object] = {
        name: value
        for variable, name in variables.items()
        if (value := _given(environment, variable, secret=known[name].facts.secret)) is not None
    }
    if "database_url" not in given:
        plain = _given(environment, _PLAIN_DATABASE_URL, secret=True)
        given |= {"database_url": plain} if plain is not None else {}
    if isinstance(listed := given.get("issuers"), str):
        given["issuers"] = _parse_list(listed)
    chosen = {name: value for name, value in overrides.items() if value is not None}
    return Settings(
        **{  # type: ignore[arg-type]  # each converted to its field's type
            name: _convert(known[name], value, by_flag=name in chosen)
            for name, value in (given | chosen).items()
        }
    )


def _given(environment: Mapping[str, str], variable: str, *, secret: bool) -> str | None:
    """What the variable says, or the file that it names with `_FILE`."""
    path = environment.get(variable + FILE)
    if path is None:
        return environment.get(variable)
    if variable in environment:
        raise SettingsError(f"{variable} and {variable}{FILE} are both set: keep one of them")
    try:
        with Path(path).open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(_FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such path"
        raise SettingsError(f"{variable}{FILE} names a file that cannot be read ({path}: {reason})") from None
    if secret and mode & OPEN_TO_OTHERS:
        raise SettingsError(
            f"{variable}{FILE} names a file that is open to others (mode {stat.S_IMODE(mode):04o}):"
            f" chmod 600 {path}"
        )
    try:
        text = raw.decode() if len(raw) <= _FILE_BYTES_MAX else ""
    except UnicodeDecodeError:
        text = ""
    if not text.strip():
        raise SettingsError(
            f"{variable}{FILE} names a file that holds no value ({path}): a line of text is expected"
        )
    return text.strip()


def _convert(setting: Setting, value: object, *, by_flag: bool) -> object:
    field = next(one for one in msgspec.structs.fields(Settings) if one.name == setting.name)
    try:
        return msgspec.convert(value, field.type, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        said = setting.facts.flag if by_flag and setting.facts.flag else setting.variable
        # The library's words may repeat the value, and only those about a list's parts say more than ours.
        where = f" ({error})" if setting.name == "issuers" else ""
        raise SettingsError(f"{said} takes {setting.takes}{where}") from None


def _parse_list(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise SettingsError(f"{PREFIX}ISSUERS takes a JSON list of objects") from None


def _decode(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError(kind)


def _setting(field: msgspec.structs.FieldInfo) -> Setting:
    kind = inspect.type_info(field.type)
    described: dict[str, str] = {}
    facts = Facts(read_by="")
    while isinstance(kind, inspect.Metadata):
        described |= kind.extra_json_schema or {}
        facts = (kind.extra or {}).get("facts", facts)
        kind = kind.type
    return Setting(
        name=field.name,
        variable=PREFIX + field.name.upper(),
        meaning=described.get("description", ""),
        takes=facts.takes or _takes(kind),
        default=field.default,
        facts=facts,
    )


def _takes(kind: inspect.Type) -> str:
    said = "a line of text"
    match kind:
        case inspect.UnionType(types=types):
            said = _takes(next(one for one in types if not isinstance(one, inspect.NoneType)))
        case inspect.Metadata(type=inner):
            said = _takes(inner)
        case inspect.BoolType():
            said = "true or false"
        case inspect.IntType(ge=least, le=most):
            said = f"a whole number from {least} to {most}"
        case inspect.LiteralType(values=values):
            said = " or ".join(map(str, values))
        case inspect.CustomType():
            said = "a path"
        case _:
            pass
    return said
