"""A report as one file: text from a template that escapes whatever it is given, figures within the page, nothing loaded."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import InputError
from sim.study.whole import write_whole

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["NAME", "Figure", "embedded", "has_report", "page_of", "write_report"]

NAME = "report.html"
_OURS = b'<meta name="generator" content="mobsim '
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Figure:
    """A figure within the page."""

    name: str
    source: str
    """A data URI."""
    width: int
    height: int
    alt: str
    caption: str


def embedded(path: Path, alt: str, caption: str) -> Figure:
    """Return a PNG file as it stands within a page.

    Raises
    ------
    InputError
        It is none.
    """
    data = path.read_bytes()
    if len(data) < 24 or not data.startswith(_PNG):
        raise InputError(f"{path} is no PNG file, expected a figure; draw the figures again with python -m sim.plot.")
    width, height = struct.unpack(">II", data[16:24])
    return Figure(
        path.stem, f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}", width, height, alt, caption
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # Names of arms, reasons and paths are what somebody typed: whatever stands in them is shown, never obeyed.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    return environment.get_template("page.html.jinja")


def page_of(folder: Path) -> str:
    """Return the report of a folder as HTML: a run's, a design's, or that of a sweep with run folders below it.

    Raises
    ------
    InputError
        The folder holds no finished run, or one that lacks what the report needs.
    """
    from sim.study.report.several import design_page, jobs_below, sweep_page
    from sim.study.report.single import study_page
    from sim.study.writing import read_manifest

    try:
        if (folder / "manifest.json").exists():
            manifest = read_manifest(folder)
            context = design_page(folder, manifest) if manifest.get("design") else study_page(folder, manifest)
        elif jobs := jobs_below(folder):
            context = sweep_page(folder, jobs)
        else:
            raise InputError(f"{folder} holds no finished run; give the folder of a run, a design or a sweep.")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        told = f"{type(error).__name__}: {error}"
        raise InputError(
            f"{folder} lacks what the report needs ({told}); give a folder that this version has written."
        ) from error
    return _template().render(context | {"version": _version()})


def _version() -> str:
    import sim

    return sim.__version__


def has_report(folder: Path) -> bool:
    """Return whether a folder holds a report of ours."""
    try:
        with (folder / NAME).open("rb") as file:
            return _OURS in file.read(4096)
    except OSError:
        return False


def write_report(folder: Path) -> Path:
    """Write the report of a folder into it, whole or not at all, and return its path.

    Raises
    ------
    InputError
        As `page_of`; or the folder holds another report.html, or cannot be written.
    """
    path = folder / NAME
    if path.exists() and not has_report(folder):
        raise InputError(f"{path} is not ours and would be lost; move it to another folder.")
    text = page_of(folder)
    try:
        with write_whole(path) as temporary:
            # A name that came from the command line may hold what is no character.
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
    except OSError as error:
        raise InputError(
            f"{path} could not be written ({error.strerror or error}); free some space or choose another folder."
        ) from error
    return path
