"""Read each file of options once: Hydra reads all of them twice for every command, and again for every arm."""

from __future__ import annotations

import os
import pickle
from typing import Any

import yaml
from hydra.core.plugins import Plugins

Plugins.instance()  # which imports its own plugins anew

from hydra._internal.core_plugins.file_config_source import FileConfigSource  # noqa: E402

_read, _read_file = yaml.load, FileConfigSource.load_config
_texts: dict[tuple[str, str], bytes] = {}
_files: dict[tuple[object, ...], bytes] = {}


def _load(stream: Any, Loader: type) -> Any:  # noqa: N803 (as it is called there)
    if not hasattr(stream, "seek"):
        return _read(stream, Loader)
    what = stream.read(), Loader.__name__
    stream.seek(0)
    if what not in _texts:
        _texts[what] = pickle.dumps(_read(stream, Loader))
    return pickle.loads(_texts[what])


def _load_file(source: Any, config_path: str) -> Any:
    try:
        state = os.stat(os.path.join(source.path, source._normalize_file_name(config_path)))
    except OSError:
        return _read_file(source, config_path)  # which says so
    what = source.provider, source.path, config_path, state.st_ino, state.st_mtime_ns, state.st_size
    if what not in _files:
        _files[what] = pickle.dumps(_read_file(source, config_path))
    return pickle.loads(_files[what])


def read_options_once() -> None:
    """Keep what files of options hold, by their text and state; this takes half off the time of a composition."""
    yaml.load = _load
    FileConfigSource.load_config = _load_file
