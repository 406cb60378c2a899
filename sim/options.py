"""Where the options lie, and how Hydra's versions and errors are spoken to. Light, so that ``--help`` is quick."""

from __future__ import annotations

import re
from pathlib import Path

import hydra
from hydra.errors import HydraException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

__all__ = ["CONFIG_DIR", "callbacks_allowed", "one_line", "version_base"]

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


def version_base() -> dict[str, str]:
    """Return the argument that Hydra 1.3 wants and Hydra 1.4 warns about."""
    return {"version_base": "1.3"} if hydra.__version__.startswith("1.3") else {}


def callbacks_allowed() -> dict[str, str]:
    """Return the argument by which Hydra 1.4 is told that the callback of the options is ours."""
    return {} if hydra.__version__.startswith("1.3") else {"execution_whitelist": "sim.cli.Watch"}


def one_line(error: BaseException) -> str:
    """Return the message of Hydra's or OmegaConf's error as one sentence with a remedy."""
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
