"""How compiled functions are put together: all that one needs is compiled into it, once.

Numba optimizes every compiled function for itself and makes machine code of it, and does so again with each function that calls
it, although nobody but other compiled functions may ever call it. Here a function has two sides. What Python calls is a
*whole*: it is kept in the cache, with all that it calls. What compiled functions call is a *part*: it is translated, and
optimized only within the wholes that it belongs to.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

from numba.core import codegen, compiler, sigutils, types
from numba.core.registry import CPUDispatcher
from numba.core.types import unliteral  # type: ignore[attr-defined]

__all__ = ["compiled"]

_numbers = itertools.count()


class _NoCodegen:
    """Stands where Numba would set the environment of machine code, of which a part has none."""

    def set_env(self, _name: str, _environment: Any) -> None:
        """Set nothing."""


class _Part(codegen.JITCodeLibrary):  # type: ignore[misc]
    """What a part is translated to: neither optimized nor linked with what it calls."""

    _linking_libraries: list[Any]

    def finalize(self) -> None:
        self._raise_if_finalized()
        self._finalized = True

    def get_pointer_to_function(self, _name: str) -> int:
        self._ensure_finalized()
        return 0

    @property
    def codegen(self) -> Any:
        return _NoCodegen()

    def alone(self) -> Any:
        """Return the part without what it calls."""
        return super()._get_module_for_linking()

    def _get_module_for_linking(self) -> Any:
        """Return the part with all that it calls, for functions that are not ours: wholes collect their parts themselves."""
        module = self.alone().clone()
        _link(module, self._linking_libraries)
        return module


class _Whole(codegen.JITCodeLibrary):  # type: ignore[misc]
    """What a whole is translated to, with all its parts, each of them once."""

    _linking_libraries: list[Any]

    def finalize(self) -> None:
        _link(self._final_module, self._linking_libraries)
        self._linking_libraries = []
        super().finalize()


def _link(module: Any, libraries: Iterable[Any]) -> None:
    """Add libraries to a module, with all that parts among them need in turn, each of them once."""
    found: dict[Any, None] = {}
    _collect(libraries, found)
    for library in found:
        needed = library.alone() if isinstance(library, _Part) else library._get_module_for_linking()
        module.link_in(needed, preserve=True)


def _collect(libraries: Iterable[Any], found: dict[Any, None]) -> None:
    for library in libraries:
        if library not in found:
            found[library] = None
            if isinstance(library, _Part):
                _collect(library._linking_libraries, found)


class _PartCompiler(compiler.Compiler):  # type: ignore[misc]
    """Numba's usual steps, with a library of ours to translate to."""

    library: type = _Part

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.state.library = self.library(self.state.targetctx.codegen(), f"{self.library.__name__}{next(_numbers)}")
        self.state.library.enable_object_caching()


class _WholeCompiler(_PartCompiler):
    library = _Whole


class _PartDispatcher(CPUDispatcher):  # type: ignore[misc]
    """What compiled functions see of a compiled function: one part, whatever constants they pass."""

    def get_call_template(self, args: Any, kws: Any) -> Any:
        return super().get_call_template(tuple(map(unliteral, args)), {name: unliteral(kws[name]) for name in kws})


class _Dispatcher(CPUDispatcher):  # type: ignore[misc]
    """A compiled function: what Python calls is the whole, what compiled functions see of it is the part."""

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        super().__init__(function, targetoptions={**options, "no_cfunc_wrapper": True}, pipeline_class=_WholeCompiler)
        unwrapped = {"no_cfunc_wrapper": True, "no_cpython_wrapper": True}
        self.part = _PartDispatcher(function, targetoptions={**options, **unwrapped}, pipeline_class=_PartCompiler)

    @property
    def _numba_type_(self) -> Any:
        return types.Dispatcher(self.part)

    def compile(self, sig: Any) -> Any:
        entry = super().compile(sig)
        arguments, _ = sigutils.normalize_signature(sig)
        result = self.overloads[tuple(arguments)]
        for environment in result._find_referenced_environments():  # those of parts among them
            result.library.codegen.set_env(environment.env_name, environment)
        return entry


def compiled(function: Callable[..., Any], is_inlined: bool) -> Any:
    """Return a function that is compiled when it is called, and kept in the cache.

    Without the interpreter lock, and in IEEE arithmetic in the order written (no fastmath). Unless told otherwise Numba would
    pass `forceinline` on to all that an inlined function calls.
    """
    options = {"nopython": True, "nogil": True, "fastmath": False, "error_model": "numpy", "boundscheck": None}
    dispatcher = _Dispatcher(function, {**options, "forceinline": is_inlined})
    dispatcher.enable_caching()
    return dispatcher
