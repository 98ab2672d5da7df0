"""--config FILE.toml: options by name, as if given first on the command line, which takes precedence."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any

from chainrule.errors import SettingsError, unknown_name

POSITIONAL = "data"
MOST_BYTES = 1 << 20


def read_config(path: str, actions: dict[str, argparse.Action]) -> tuple[list[str], str | None]:
    """The command-line arguments equivalent to a file of options, and its `data`.

    Arguments: actions: the options of the command by their flags, as "--learning-rate". Raises SettingsError for a
    file that is no TOML, or a key that is no option (the nearest is named).
    """
    try:
        if not Path(path).is_file():
            raise SettingsError(f"{path}: not a file. Pass a TOML file of options.")
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise SettingsError(f"{path}: larger than {MOST_BYTES:,} bytes. Pass a TOML file of options.")
        values = tomllib.loads(content.decode("utf-8").replace("\r\n", "\n"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}). Pass a TOML file of options.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(f"{path}: not valid TOML ({error}). Write lines such as target = 'price'.") from None
    arguments, data = [], None
    for key, value in values.items():
        name, flag = key.replace("_", "-"), "--" + key.replace("_", "-")
        if name == POSITIONAL:
            data = _text(value, key, path)
        elif flag not in actions or name in ("help", "config") or name.startswith("no-"):
            known = [entry[2:] for entry in actions if entry.startswith("--") and not entry.startswith("--no-")]
            raise unknown_name(f"{path}: option", key, [POSITIONAL, *(e for e in known if e not in ("help", "config"))])
        elif isinstance(value, bool):
            if actions[flag].nargs != 0:
                raise SettingsError(f"{path}: {key}={str(value).lower()}: must be a value.")
            arguments += [flag] if value else [f"--no-{name}"] if f"--no-{name}" in actions else []
        else:
            arguments.append(f"{flag}={_text(value, key, path)}")
    return arguments, data


def _text(value: Any, key: str, path: str) -> str:
    """A value as written on the command line; lists are separated by commas."""
    if isinstance(value, list) and value and all(isinstance(entry, (str, int)) for entry in value):
        return ",".join(map(str, value))
    if isinstance(value, (str, int, float)):
        return str(value)
    raise SettingsError(f"{path}: {key}={value!r}: must be text, a number, true, false or a list.")
