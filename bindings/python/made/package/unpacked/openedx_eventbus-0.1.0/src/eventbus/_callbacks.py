"""The two functions that the library's threads call. They take the GIL; native.c keeps them out of an ending interpreter."""
from __future__ import annotations

import threading
from typing import Any, Callable, Optional

from . import _library
from ._log import logger
from .errors import Error, Kind, Status
from .event import Event, Receipt, receipt_of

here = threading.local()        #: .inside: which callback this thread is in: "a receiver", "on_delivery", or unset


def inside() -> Optional[str]:
    """The callback that this thread is in."""
    return getattr(here, "inside", None)


class Receiver:
    """A function that is connected to signals. Any thread of the library calls it."""

    def __init__(self, call: Callable[[Event], Any], name: str) -> None:
        self.call, self.name = call, name
        self.handle = _library.ffi.new_handle(self)
        self.active = 0                         # how many threads are in it; guarded by the lock
        self._lock = threading.Lock()

    def _count(self, more: int) -> None:
        with self._lock:
            self.active += more

    def run(self, pointer: Any, error: Any) -> int:
        before, here.inside = inside(), "a receiver"
        self._count(+1)
        try:
            self.call(Event(pointer))
            return 0
        except Error as raised:
            status = Status.PERMANENT if raised.code == Status.PERMANENT else Status.RETRIABLE
            return fill(error, status, raised.kind, raised.text)
        except BaseException as raised:         # pylint: disable=broad-except
            logger.error("receiver %s raised an exception", self.name, exc_info=True)
            return fill(error, Status.RETRIABLE, Kind.NONE, named(raised))
        finally:
            self._count(-1)
            here.inside = before


class Delivery:
    """A function that gets receipts: of one event, after which done() forgets it, or of all."""

    def __init__(self, call: Callable[[Receipt], Any], done: Optional[Callable[[Delivery], Any]] = None) -> None:
        self.call, self.done = call, done
        self.handle = _library.ffi.new_handle(self)

    def run(self, pointer: Any) -> None:
        before, here.inside = inside(), "on_delivery"
        try:
            self.call(receipt_of(pointer))
        except BaseException:                   # pylint: disable=broad-except
            logger.error("on_delivery raised an exception", exc_info=True)
        finally:
            here.inside = before
            if self.done:
                self.done(self)


def named(raised: BaseException) -> str:
    """The exception's class and the first line of its text."""
    kind = type(raised)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    lines = str(raised).splitlines()
    return f"{module}{kind.__qualname__}" + (f": {lines[0]}" if lines and lines[0] else "")


def fill(error: Any, status: int, kind: int, text: str) -> int:
    """Fills a struct eb_error; a text that is too long is cut between two characters."""
    room = len(error.text) - 1
    data = text.encode("utf-8", "replace").replace(b"\0", b" ")[:room].decode("utf-8", "ignore").encode()
    _library.ffi.memmove(error.text, data + b"\0", len(data) + 1)
    error.status, error.kind = int(status), int(kind)
    return int(status)


if _library.problem is None:
    @_library.ffi.def_extern(name="ebpy_event", error=int(Status.RETRIABLE))
    def _event(handle: Any, pointer: Any, error: Any) -> int:
        return int(_library.ffi.from_handle(handle).run(pointer, error))

    @_library.ffi.def_extern(name="ebpy_delivered")
    def _delivered(handle: Any, pointer: Any) -> None:
        _library.ffi.from_handle(handle).run(pointer)
