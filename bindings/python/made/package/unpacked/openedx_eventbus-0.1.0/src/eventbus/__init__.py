"""The Open edX Event Bus from Python, over libeventbus.

    import eventbus

    with eventbus.Bus("eventbus.ini") as bus:
        bus.send("org.openedx.learning.auth.session.login.completed.v1", {"user": {...}})

    with eventbus.Bus("eventbus.ini") as bus, eventbus.Consumer(bus, print, topics="user-login", group="crm") as consumer:
        consumer.run()

The configuration is that of the `eventbus` command, eventbus.ini(5). Log lines go to the logger "eventbus" of logging, errors
are exceptions: see eventbus.Error. For Django and openedx-events see eventbus.openedx.
"""
from __future__ import annotations

from ._library import version
from .bus import Bus
from .consumer import Consumer, Counts
from .errors import Error, FatalError, GoneError, Kind, PermanentError, QueueFullError, RetriableError, Status
from .event import Event, Receipt

__version__ = "0.1.0"
__all__ = ["Bus", "Consumer", "Counts", "Error", "Event", "FatalError", "GoneError", "Kind", "PermanentError", "QueueFullError",
           "Receipt", "RetriableError", "Status", "version"]
