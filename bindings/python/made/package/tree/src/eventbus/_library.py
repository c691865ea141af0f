"""The C library: loaded at import, but a failure is kept until a bus is opened, so that it can be reported well there."""
from __future__ import annotations

from typing import Any, Optional, Tuple

from .errors import Kind, PermanentError

problem: Optional[str] = None
ffi: Any = None
lib: Any = None

try:
    from . import _native
    ffi, lib = _native.ffi, _native.lib
except ImportError as error:
    problem = (f"libeventbus cannot be loaded: {error}; install libeventbus in the version that this package was built with "
               "(and run ldconfig), or name its folder in LD_LIBRARY_PATH")


def loaded() -> Tuple[Any, Any]:
    """Returns (ffi, lib), or raises PermanentError that says what is missing."""
    if problem is not None:
        raise PermanentError(problem, kind=Kind.SYSTEM)
    return ffi, lib


def _numbers(version: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:3] if part.isdigit())


if problem is None:
    _here, _built = ffi.string(lib.eb_version()).decode(), ffi.string(lib.ebpy_built_with()).decode()
    if _numbers(_here) < _numbers(_built):
        problem = (f"libeventbus {_here} is loaded, which is older than the {_built} that this package was built with; install "
                   f"libeventbus {_built} or later")


def version() -> str:
    """The version of the libeventbus that is loaded, such as "0.1.0"."""
    ffi, lib = loaded()
    return str(ffi.string(lib.eb_version()).decode())


def text(pointer: Any) -> Optional[str]:
    """A text of C; NULL becomes None. Bytes that are not UTF-8 are replaced."""
    return None if pointer == ffi.NULL else str(ffi.string(pointer).decode("utf-8", "replace"))
