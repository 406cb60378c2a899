"""How Hydra 1.3 is made quick: what it reads, lists and composes is kept. Light, so that ``--help`` is quick."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins

from sim.options import CONFIG_DIR

__all__ = ["quicken_hydra"]


@cache
def quicken_hydra() -> None:
    """Let Hydra read each of our files of options, and of its own, once; share its store; keep compositions; compose jobs once.

    It reads them for every composition, of which a command has two and one for each arm, and copies the store for every group
    that ``--help`` lists. What has changed is read again. Of the two the first only tells whether the options say that
    the command is a sweep. Hydra 1.4 is left as it is.
    """
    if not hydra.__version__.startswith("1.3"):
        return
    Plugins.instance()  # which imports the sources anew
    from hydra._internal.core_plugins.file_config_source import FileConfigSource
    from hydra._internal.core_plugins.importlib_resources_config_source import ImportlibResourcesConfigSource

    ConfigStore.__deepcopy__ = lambda self, _: self  # type: ignore[attr-defined]  # once it is filled nobody changes it

    def state(source: Any, name: str) -> tuple[Any, ...] | None:
        if source.path == "hydra.conf":
            return ()
        path = Path(source.path, name)
        if not path.is_relative_to(CONFIG_DIR):
            return None
        try:
            found = path.stat()
        except OSError:
            return None  # reading it says so
        return found.st_ino, found.st_mtime_ns, found.st_size

    for source_type in (FileConfigSource, ImportlibResourcesConfigSource):
        setattr(source_type, "load_config", _once(source_type.load_config, state))  # noqa: B010 (a method is replaced)
    _keep_compositions()
    _compose_once()


def _once(read: Callable[[Any, str], Any], state: Callable[[Any, str], tuple[Any, ...] | None]) -> Any:
    """Return what reads a file of a source of options, or finds what it held in the same state."""
    kept: dict[tuple[Any, ...], bytes] = {}

    def load_config(source: Any, config_path: str) -> Any:
        name = source._normalize_file_name(config_path)
        if (its_state := state(source, name)) is None:
            return read(source, config_path)
        what = source.provider, source.path, name, *its_state
        if what not in kept:
            kept[what] = pickle.dumps(read(source, config_path))
        return pickle.loads(kept[what])

    return load_config


_KEPT = 128
"""Compositions that are kept: some 100 kB each."""


def _keep_compositions() -> None:
    """Let Hydra keep the composition of a choice of our options, in which it then sets the values that overrides give."""
    from hydra._internal import config_loader_impl
    from hydra._internal.defaults_list import DefaultsList, Overrides, create_defaults_list

    impl = config_loader_impl.ConfigLoaderImpl
    compose = impl._compose_config_from_defaults_list
    listed: dict[tuple[Any, ...], DefaultsList] = {}
    composed: dict[int, bytes | None] = {}  # for each list of defaults that is kept, by its identity

    def list_defaults(repo: Any, config_name: Any, overrides_list: Any, **named: Any) -> DefaultsList:
        ours = {"hydra.conf", "", str(CONFIG_DIR.absolute())}
        if any(source.path not in ours for source in repo.get_sources()):
            return create_defaults_list(repo=repo, config_name=config_name, overrides_list=overrides_list, **named)
        values = Overrides(repo, overrides_list).config_overrides
        choices = tuple(o.input_line for o in overrides_list if not any(o is value for value in values))
        what = _state_of_options(), config_name, choices, tuple(sorted(named.items()))
        if what not in listed:
            listed[what] = create_defaults_list(
                repo=repo, config_name=config_name, overrides_list=overrides_list, **named
            )
            composed[id(listed[what].defaults)] = None
            if len(listed) > _KEPT:
                del composed[id(listed.pop(next(iter(listed))).defaults)]
        found = listed[what]
        return DefaultsList(found.defaults, found.defaults_tree, values, found.overrides)

    def compose_config(loader: Any, defaults: Any, repo: Any) -> Any:
        if id(defaults) not in composed:
            return compose(loader, defaults, repo)
        if (kept := composed[id(defaults)]) is None:
            kept = composed[id(defaults)] = pickle.dumps(compose(loader, defaults, repo))
        return pickle.loads(kept)

    setattr(config_loader_impl, "create_defaults_list", list_defaults)  # noqa: B010 (methods are replaced)
    setattr(impl, "_compose_config_from_defaults_list", compose_config)  # noqa: B010


def _state_of_options() -> tuple[tuple[str, int, int, int], ...]:
    """Return what tells whether any file of our options has changed, come or gone."""
    found = []
    for folder, _, names in os.walk(CONFIG_DIR):
        for name in names:
            path = os.path.join(folder, name)
            with suppress(OSError):  # reading it says so
                state = os.stat(path)
                found.append((path, state.st_ino, state.st_mtime_ns, state.st_size))
    return tuple(sorted(found))


def _compose_once() -> None:
    """Let Hydra keep what it composes to tell a sweep from a job for the job, which differs by one override that it adds."""
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.hydra import Hydra
    from hydra.types import RunMode

    compose, mode_of = ConfigLoaderImpl.load_configuration, Hydra.get_mode
    kept: list[tuple[Any, Any, list[str], Any]] = []

    def get_mode(app: Any, config_name: Any, overrides: list[str]) -> Any:
        kept.clear()
        if any("," in override for override in overrides):  # which may be that of a sweep
            return mode_of(app, config_name, overrides)
        try:
            config = compose(app.config_loader, config_name, overrides, RunMode.RUN)
        except Exception:
            return mode_of(app, config_name, overrides)
        if config.hydra.mode is not None:
            return config.hydra.mode
        config.hydra.mode = RunMode.RUN
        config.hydra.overrides.hydra.append("hydra.mode=RUN")
        kept.append((app.config_loader, config_name, [*overrides, "hydra.mode=RUN"], config))
        return None

    def load_configuration(
        loader: Any,
        config_name: Any,
        overrides: list[str],
        run_mode: Any,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> Any:
        while kept:
            its_loader, its_name, its_overrides, config = kept.pop()
            if its_loader is loader and (its_name, its_overrides, RunMode.RUN) == (config_name, overrides, run_mode):
                return config
        return compose(loader, config_name, overrides, run_mode, from_shell, validate_sweep_overrides)

    setattr(Hydra, "get_mode", get_mode)  # noqa: B010 (methods are replaced)
    setattr(ConfigLoaderImpl, "load_configuration", load_configuration)  # noqa: B010
