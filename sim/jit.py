"""The one place that decides about compiling and its cache.

Every compiled function of the package is decorated with `njit` from here. Numba's own cache goes stale without a word when
a callee in another file changes (numba issue 1833), so the cache lives in a folder named by a hash of all sources: a changed
source is another folder. Old folders are removed when there are more than a few, or when they are too large (`python -m
sim.cache` shows and clears them). `NUMBA_DISABLE_JIT=1` runs the same functions as plain Python.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.imputils import lower_getattr_generic
from numba.core.types import BaseNamedTuple as NamedTupleType  # type: ignore[attr-defined]
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import NativeValue, intrinsic, register_model, unbox
from numba.np import arrayobj

from sim.linking import compiled

__all__ = [
    "MOST_BYTES",
    "MOST_FOLDERS",
    "by_reference",
    "cache_folder",
    "cached_folders",
    "held",
    "inlined",
    "is_compiling",
    "model_hash",
    "njit",
    "popcount",
    "prefetch",
    "size_of",
    "source_hash",
]

MOST_FOLDERS = 4
"""Compiled versions that are kept, the one in use among them."""
MOST_BYTES = 500_000_000
"""Size of all of them together beyond which the oldest go."""
_DOORS = {
    "__init__.py",
    "__main__.py",
    "api.py",
    "cache.py",
    "calibrate.py",
    "cli.py",
    "collect.py",
    "compile.py",
    "composing.py",
    "config.py",
    "door.py",
    "job.py",
    "options.py",
    "plot.py",
    "report.py",
    "settle.py",
    "sweep.py",
}
_PACKAGE = Path(__file__).parent


@cache
def model_hash() -> str:
    """Return 16 hex digits that change with the source of the model: everything but studies, measures and doors."""
    digest = hashlib.sha256()
    for path in sorted([*_PACKAGE.glob("*.py"), *(_PACKAGE / "engine").glob("*.py")]):
        if path.name not in _DOORS:
            digest.update(path.relative_to(_PACKAGE).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def source_hash() -> str:
    """Return 16 hex digits that change with `model_hash`, Python's or Numba's version."""
    return hashlib.sha256(f"{model_hash()} {sys.version_info[:3]} {numba.__version__}".encode()).hexdigest()[:16]


def _roots() -> list[Path]:
    """Return the folders that may hold a cache, the user's before one for temporary files."""
    temporary = Path(tempfile.gettempdir()) / f"mobsim-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    if given := os.environ.get("MOBSIM_CACHE"):
        return [Path(given), temporary]
    try:
        if sys.platform == "win32":
            base = os.environ.get("LOCALAPPDATA", str(Path.home() / "AppData" / "Local"))
        else:
            base = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    except RuntimeError:  # a user without a home
        return [temporary]
    return [Path(base) / "mobsim", temporary]


def cache_folder() -> Path:
    """Return the folder for compiled code, made if need be; a temporary one where the user's cache cannot be written."""
    name = source_hash()
    for root in _roots():
        folder = root / "compiled" / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError:
            continue
        _prune(folder)
        return folder
    return Path(tempfile.mkdtemp(prefix="mobsim-"))


def cached_folders() -> list[Path]:
    """Return the folders of compiled code of this user, the one used last first."""
    found: list[tuple[float, Path]] = []
    for root in _roots():
        with contextlib.suppress(OSError):
            for path in (root / "compiled").iterdir():
                if re.fullmatch("[0-9a-f]{16}", path.name):  # ours
                    with contextlib.suppress(OSError):
                        found.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(found, reverse=True)]


def size_of(folder: Path) -> int:
    """Return the bytes of all files within a folder; what goes meanwhile counts nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.stat(os.path.join(place, name)).st_size
    return total


def _prune(current: Path) -> None:
    """Remove all but the current folder and the newest few others, as long as they are not too large together."""
    with contextlib.suppress(OSError):
        current.touch()
    others = [path for path in cached_folders() if path != current]
    left = MOST_BYTES - (size_of(current) if others else 0)
    for k, path in enumerate(others):
        left -= size_of(path)
        if k >= MOST_FOLDERS - 1 or left < 0:
            shutil.rmtree(path, ignore_errors=True)


is_compiling = not numba.config.DISABLE_JIT
if is_compiling:
    numba.config.CACHE_DIR = str(cache_folder())


_wrapping: Any = getattr(arrayobj, "fix_integer_index", None)


def _plain_index(context: Any, builder: Any, kind: Any, index: Any, size: Any) -> Any:
    """Take an index as it is within functions of `sim.engine` and `sim.audiences`, where none is negative.

    Elsewhere -1 is the last one.
    """
    if kind.signed and builder.function.name.startswith(("_ZN3sim6engine", "_ZN3sim9audiences")):
        return context.cast(builder, index, kind, types.intp)
    return _wrapping(context, builder, kind, index, size)


if is_compiling and _wrapping is not None:
    arrayobj.fix_integer_index = _plain_index


def njit(function: Callable[..., Any]) -> Any:
    """Compile a function: see `linking.compiled`."""
    return compiled(function, is_inlined=False) if is_compiling else function


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a function into whatever calls it: for short ones, and for those that most events go through."""
    return compiled(function, is_inlined=True) if is_compiling else function


class ByReference(types.Type):
    """The type of a pointer to a named tuple of arrays, which the caller keeps alive; nothing is counted."""

    def __init__(self, tuple_type: Any) -> None:
        self.tuple_type = tuple_type
        short = hashlib.sha256(str(tuple_type).encode()).hexdigest()[:15]
        self.digest = int(short, 16)
        super().__init__(name=f"ByReference({short})")


@register_model(ByReference)
class _ByReferenceModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: ByReference) -> None:
        super().__init__(manager, kind, manager.lookup(kind.tuple_type).get_value_type().as_pointer())


@infer_getattr
class _ByReferenceAttributes(AttributeTemplate):  # type: ignore[misc]
    key = ByReference

    def generic_resolve(self, kind: ByReference, name: str) -> Any:
        if name not in kind.tuple_type.fields:
            return None
        field = kind.tuple_type.types[kind.tuple_type.fields.index(name)]
        return ByReference(field) if isinstance(field, NamedTupleType) else field


@lower_getattr_generic(ByReference)  # type: ignore[untyped-decorator]
def _get(context: Any, builder: Any, kind: ByReference, pointer: Any, name: str) -> Any:
    index = kind.tuple_type.fields.index(name)
    field = kind.tuple_type.types[index]
    place = cgutils.gep_inbounds(builder, pointer, 0, index)
    if isinstance(field, NamedTupleType):
        return place
    value = builder.load(place)
    if isinstance(field, types.Array):
        array = context.make_array(field)(context, builder, value=value)
        array.meminfo = cgutils.get_null_value(array.meminfo.type)  # borrowed: no reference counting
        return array._getvalue()
    return value


@intrinsic
def _by_reference(_typing, tuple_type):  # type: ignore[no-untyped-def]
    def as_it_is(_context, _builder, _signature, arguments):  # type: ignore[no-untyped-def]
        return arguments[0]

    def codegen(_context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        return cgutils.alloca_once_value(builder, arguments[0])

    if isinstance(tuple_type, ByReference):
        return tuple_type(tuple_type), as_it_is

    return ByReference(tuple_type)(tuple_type), codegen


def _as_it_is(arrays: Any) -> Any:
    return arrays


by_reference: Any = _by_reference if is_compiling else _as_it_is
"""A named tuple of arrays as a pointer to it, with the same attributes (uncompiled: the tuple itself); a pointer as it is.

Passing dozens of arrays from function to function by value costs more than what the functions do: Numba would count
references to each of them at each call. A pointer costs nothing. The arrays must outlive the call.
"""


class _Held:
    """What Python passes for a pointer to a named tuple of arrays: where its copy lies, which this keeps, with the arrays."""

    arrays: Any = None
    digest = 0
    place = np.zeros(0, np.uint64)

    def put(self, arrays: Any) -> None:
        digest = _put(self.place, arrays)
        if digest < 0:
            self.place = np.zeros(-digest, np.uint64)
            digest = _put(self.place, arrays)
        if digest != self.digest:
            if digest not in _KINDS:
                _KINDS[digest] = ByReference(numba.typeof(arrays))
            self._numba_type_, self.digest, self.address = _KINDS[digest], digest, self.place.ctypes.data
        self.arrays = arrays


_KINDS: dict[int, ByReference] = {}


@unbox(ByReference)  # type: ignore[untyped-decorator]
def _unbox(kind: Any, held: Any, c: Any) -> Any:
    number = c.pyapi.object_getattr_string(held, "address")
    address = c.pyapi.long_as_ulonglong(number)
    c.pyapi.decref(number)
    return NativeValue(c.builder.inttoptr(address, c.context.get_value_type(kind)))


@intrinsic
def _written(_typing, place_type, tuple_type):  # type: ignore[no-untyped-def]
    def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        place = context.make_array(signature.args[0])(context, builder, arguments[0])
        words = -(-context.get_abi_sizeof(context.get_value_type(tuple_type)) // 8)
        is_room = builder.icmp_unsigned(">=", place.nitems, ir.Constant(ir.IntType(64), words))
        with builder.if_then(is_room):
            builder.store(arguments[1], builder.bitcast(place.data, arguments[1].type.as_pointer()))
        digest = ByReference(tuple_type).digest
        return builder.select(is_room, ir.Constant(ir.IntType(64), digest), ir.Constant(ir.IntType(64), -words))

    return types.int64(place_type, tuple_type), codegen


@njit
def _put(place, arrays):  # type: ignore[no-untyped-def]
    """Write a named tuple of arrays to a place, uint64[words], and return a number of its type; -words: too little room."""
    return _written(place, arrays)


def held(arrays: Any, before: Any = None) -> Any:
    """Return what compiled functions take for `by_reference(arrays)` again and again (uncompiled: the arrays themselves).

    A named tuple that Python passes is taken apart at every call, which costs more than many a call does. `before`: what was
    held for arrays that nobody will need any more, which is used for these.
    """
    if not is_compiling:
        return arrays
    pointer = _Held() if before is None else before
    pointer.put(arrays)
    return pointer


@intrinsic
def _prefetch(_typing, array_type, index_type):  # type: ignore[no-untyped-def]
    def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        byte = ir.PointerType(ir.IntType(8))
        kind = ir.FunctionType(ir.VoidType(), [byte, ir.IntType(32), ir.IntType(32), ir.IntType(32)])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        flags = [ir.Constant(ir.IntType(32), v) for v in (0, 3, 1)]  # read, keep in all caches, data
        builder.call(function, [builder.bitcast(place, byte), *flags])
        return context.get_dummy_value()

    return types.void(array_type, types.intp), codegen


@intrinsic
def _popcount(_typing, word_type):  # type: ignore[no-untyped-def]
    def codegen(context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), codegen


def _count_bits(word: Any) -> int:
    return int(word).bit_count()


popcount: Any = _popcount if is_compiling else _count_bits
"""Return how many bits of a uint64 are set, int64."""


def _no_prefetch(_array: Any, _index: Any) -> None:
    return None


prefetch: Any = _prefetch if is_compiling else _no_prefetch
"""Ask the processor to fetch array[index] (one-dimensional) ahead of its use; changes no result."""
