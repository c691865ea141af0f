"""The end of the process, and its forks: buses that are open are closed, and no thread of C enters an interpreter that ends."""
from __future__ import annotations

import atexit
import os
import sys
import time
from typing import Any, Dict

from . import _library
from ._log import logger

SECONDS = 10                    # for all buses together
GATE_MS = 2000                  # for callbacks at work after that

_open: Dict[int, Any] = {}      # by id; closed in reverse
_registered_in = 0              # the process whose end is watched


def opened(bus: Any) -> None:
    """Notes a bus that is to be closed at the end. A child of multiprocessing or Celery runs no atexit, but finalizers."""
    global _registered_in           # pylint: disable=global-statement
    _open[id(bus)] = bus
    _library.lib.ebpy_gate_open()
    if _registered_in == os.getpid():
        return
    _registered_in = os.getpid()
    for name in ("multiprocessing.util", "billiard.util"):
        module = sys.modules.get(name)
        if module is not None:
            module.Finalize(None, close_all, exitpriority=-10)


def closed(bus: Any) -> None:
    _open.pop(id(bus), None)


def close_all() -> None:
    """Closes all buses that this process opened."""
    deadline = time.monotonic() + SECONDS
    for bus in reversed(list(_open.values())):
        if bus._pid != os.getpid():             # pylint: disable=protected-access
            continue
        try:
            bus._end(deadline)                  # pylint: disable=protected-access
        except Exception as error:              # pylint: disable=broad-except
            logger.error("at the end of the program: %s", error)


def _end() -> None:
    close_all()
    _library.lib.ebpy_gate_close(GATE_MS)


def _forget() -> None:
    """In the child of a fork: the buses are the parent's. They stay reachable, so that nothing frees them here."""
    global _left                    # pylint: disable=global-statement
    _left = [_left, dict(_open)]
    _open.clear()


_left: Any = None
if _library.problem is None:
    atexit.register(_end)
    os.register_at_fork(after_in_child=_forget)
