"""Where the options lie, and how Hydra's versions and errors are spoken to. Light, so that ``--help`` is quick."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.errors import HydraException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

__all__ = [
    "CONFIG_DIR",
    "FLAGS_WITH_VALUE",
    "callbacks_allowed",
    "one_line",
    "override",
    "quoted",
    "version_base",
    "with_overrides",
]

FLAGS_WITH_VALUE = ("--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp")
"""Flags of Hydra that say where options lie, each before its value."""
_PACKAGE = Path(__file__).parent
CONFIG_DIR = _PACKAGE / "conf" if (_PACKAGE / "conf").is_dir() else _PACKAGE.parent / "conf"
"""In a wheel the options lie inside the package, in a checkout beside it."""

_EXTRA_OF = dict.fromkeys(("joblib", "submitit_local", "submitit_slurm"), "launchers") | dict.fromkeys(
    ("ray", "ray_aws"), "ray"
)
"""Launchers that come with an extra of this package."""
_MISSING_LAUNCHER = re.compile(rf"Could not find 'hydra/launcher/({'|'.join(_EXTRA_OF)})'")

if not OmegaConf.has_resolver("data"):
    # Hydra 1.4 brings an OmegaConf in which the old name of this function warns.
    _register = OmegaConf.register_new_resolver if hydra.__version__.startswith("1.3") else OmegaConf.register_resolver
    _register("data", lambda name: str(_PACKAGE / "data" / name))
    _register("range", lambda first, last, step=1: list(range(int(first), int(last), int(step))))


def quoted(text: str) -> str:
    r"""Return a text as the value of an override: in quotes where it holds more than letters, digits and ``/-_.``.

    >>> quoted("twitter"), quoted("it's"), quoted("a, b")
    ('twitter', "'it\\'s'", "'a, b'")
    """
    if text and all(c.isalnum() or c in "/-_." for c in text) and text.isascii() and not _IS_OTHER.fullmatch(text):
        return text
    # Backslashes count double before a quote, and only there.
    inner = re.sub(r"(\\*)'", lambda found: found[1] * 2 + "\\'", text)
    return f"'{re.sub(chr(92) * 2 + '+$', lambda found: found[0] * 2, inner)}'"


_IS_OTHER = re.compile(r"true|false|null|nan|[-.\d].*", re.IGNORECASE)
"""What would be read as something else than text."""


_SPECIAL, _ESCAPED = re.compile(r"[\\()\[\]{}:=,\s]"), r"\\\g<0>"
"""What keys of mappings may hold only after a backslash; they take no quotes."""


def override(key: str, value: Any) -> str:
    """Return an override that gives a parameter a value: a number, text, true, false, null, a list or a mapping.

    >>> override("decision", "hazard"), override("study.arms", {"a": ["x=1", None, True]})
    ('decision=hazard', "study.arms={a:['x=1',null,true]}")
    """
    return f"{key}={_written(value)}"


def _written(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_SPECIAL.sub(_ESCAPED, str(k))}:{_written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_written, value)) + "]"
    return repr(value) if isinstance(value, (int, float)) else quoted(str(value))


def with_overrides(arguments: Sequence[str], *overrides: str) -> list[str]:
    """Return the words of a command line with more overrides, which must stand beside the others: a flag may not part them.

    >>> with_overrides(["a=1", "--config-dir", "mine"], "b=2"), with_overrides(["-m", "a=1,2"], "b=2")
    (['a=1', 'b=2', '--config-dir', 'mine'], ['-m', 'a=1,2', 'b=2'])
    """
    given = [
        i
        for i, word in enumerate(arguments)
        if not word.startswith("-") and (i == 0 or arguments[i - 1] not in FLAGS_WITH_VALUE)
    ]
    place = given[-1] + 1 if given else len(arguments)
    return [*arguments[:place], *overrides, *arguments[place:]]


def version_base() -> dict[str, str]:
    """Return the argument that Hydra 1.3 wants and Hydra 1.4 warns about."""
    return {"version_base": "1.3"} if hydra.__version__.startswith("1.3") else {}


def callbacks_allowed() -> dict[str, str]:
    """Return the argument by which Hydra 1.4 is told that the callback of the options is ours."""
    return {} if hydra.__version__.startswith("1.3") else {"execution_whitelist": "sim.cli.Watch"}


def one_line(error: BaseException) -> str:
    """Return the message of Hydra's, OmegaConf's or the YAML reader's error as one sentence with a remedy."""
    if isinstance(error, YAMLError):
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        where = f"{mark.name}, line {mark.line + 1}" if mark is not None else "a file of options"
        reason = (error.problem if isinstance(error, MarkedYAMLError) else "") or "it cannot be read"
        return (
            f"{where} is no YAML ({' '.join(str(reason).split())}); expected KEY: VALUE with spaces, correct the file."
        )
    if missing := _MISSING_LAUNCHER.search(str(error)):
        name = missing.group(1)
        extra = _EXTRA_OF[name]
        return (
            f"hydra/launcher is {name}, which is not installed, expected the extra {extra!r} beside this package; "
            f"install it with pip install 'mobsim[{extra}]' (from a checkout: pip install -e '.[{extra}]')."
        )
    while isinstance(error.__cause__, HydraException | OmegaConfBaseException):
        error = error.__cause__
    if isinstance(error, OverrideParseException):
        return (
            f"{error.override!r} cannot be read as an override; expected KEY=VALUE, with quotes around values that hold "
            "special characters (KEY='\"a value\"'): correct it."
        )
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    noise = ("object_type", "reference_type", "full_key", "Set the environment", "To append to your config use",
             "Config search path", "provider=")  # fmt: skip
    kept = [line.removeprefix("In 'config': ") for line in lines if not line.startswith(noise)]
    text = " ".join(kept) if any("Available options" in line for line in kept) else "; ".join(kept)
    text = re.sub(r"\.;? (?=[A-Z])", "; ", text) or type(error).__name__  # one sentence
    if any(line.startswith("To append to your config use") or "is not in struct" in line for line in lines):
        text += "; a key that the options do not write is given with a plus (+KEY=VALUE)"
    keys = [line.removeprefix("full_key:").strip() for line in lines if line.startswith("full_key")]
    where = f" (key {keys[0]})" if keys and keys[0] and keys[0] not in text else ""
    if "Interpolation key 'parameters." in text:
        where += "; options of the night need values of parameters, so give parameters=calendar_days beside them"
    return f"{text.rstrip('.')}{where}; correct the override, `python -m sim --help` lists the options."
