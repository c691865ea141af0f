"""The library's log lines, as records of the logger "eventbus".

The library's threads put lines into a queue in C and never wait for Python. A thread of Python takes them from there, so a
handler may do what it wants, sending events included.
"""
from __future__ import annotations

import logging
import threading

from . import _library

logger = logging.getLogger("eventbus")
LEVELS = {3: logging.ERROR, 4: logging.WARNING, 6: logging.INFO, 7: logging.DEBUG}
LINES = 10000               # that may wait; more are dropped, and their number is logged
ROOM = 8192                 # bytes of a line; the library cuts its own before
WAIT_MS = 1000


class LogReader:
    """Reads the lines of one bus from when it is opened until it is closed."""

    def __init__(self) -> None:
        ffi, lib = _library.loaded()
        self.queue = lib.ebpy_log_new(LINES)
        if self.queue == ffi.NULL:
            raise MemoryError("no memory for the log of a bus")
        self._thread = threading.Thread(target=self._read, name="eventbus-log", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        ffi, lib = _library.ffi, _library.lib
        level, room = ffi.new("int *"), ffi.new("char[]", ROOM)
        while True:
            took = lib.ebpy_log_take(self.queue, WAIT_MS, level, room, ROOM)
            if took < 0:
                return
            if took:
                try:
                    logger.log(LEVELS.get(level[0], logging.INFO), "%s", _library.text(room))
                except Exception:               # pylint: disable=broad-except
                    pass                        # a handler that raises must not end the log; logging has told its own errors

    def close(self) -> None:
        """Waits until the lines so far are logged. The bus is closed: nothing puts more."""
        _library.lib.ebpy_log_close(self.queue)
        if threading.current_thread() is self._thread:
            return                              # a handler of logging closes the bus: the queue stays until the process ends
        self._thread.join()
        _library.lib.ebpy_log_free(self.queue)
