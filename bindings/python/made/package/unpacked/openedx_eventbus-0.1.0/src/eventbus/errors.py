"""What goes wrong: exceptions with the class of the error (code), where its cause lies (kind), and a text for people."""
from __future__ import annotations

import enum
from typing import Any, Dict, Type


class Status(enum.IntEnum):
    """The class of an error, which decides what may be done about it. The numbers are those of eventbus/error.h."""

    FULL = 3            #: not taken: there is no room now
    GONE = 4            #: the thing is not there any more, or is switched off
    RETRIABLE = -1      #: a later attempt may succeed
    PERMANENT = -2      #: no attempt can succeed
    FATAL = -3          #: the bus or the consumer is unusable from now on


class Kind(enum.IntEnum):
    """Where the cause of an error lies."""

    NONE = 0
    CONFIG = 1          #: the configuration, or how a call was made
    BROKER = 2          #: the broker, its registry, or the way to them
    DATA = 3            #: an event's data or a schema
    PLUGIN = 4          #: a plugin file
    SYSTEM = 5          #: this machine: memory, files, threads
    NAME = 6            #: another live member of the group uses the consumer's name


class Error(Exception):
    """Every error of this package. str(error) is its text: what happened to which thing, and what to do.

    A receiver may raise RetriableError or PermanentError itself: after the first the event is tried again, after the second it
    becomes a dead letter at once. Any other exception counts as retriable.
    """

    code: Status = Status.PERMANENT     #: the class of the error
    kind: Kind                          #: where its cause lies
    text: str                           #: what happened, without secrets and personal data
    native: int                         #: errno, or the broker client's own number; 0: none

    def __init__(self, text: str = "", kind: Kind = Kind.NONE, native: int = 0) -> None:
        super().__init__(text)
        self.text, self.kind, self.native = text, kind, native


class RetriableError(Error):
    """A later attempt may succeed."""

    code = Status.RETRIABLE


class PermanentError(Error):
    """No attempt can succeed."""

    code = Status.PERMANENT


class FatalError(Error):
    """The bus or the consumer is unusable from now on: close it."""

    code = Status.FATAL


class QueueFullError(Error):
    """The producer's queue has no room now, and the event was not taken."""

    code = Status.FULL


class GoneError(Error):
    """The thing is not there any more, or the configuration switches it off."""

    code = Status.GONE


_CLASSES: Dict[int, Type[Error]] = {each.code: each for each in (RetriableError, PermanentError, FatalError, QueueFullError, GoneError)}


def error_of(status: int, kind: int, text: str, native: int = 0) -> Error:
    """The exception for a status of C. An unknown negative status counts as fatal, as in eventbus/error.h."""
    kinds: Any = Kind._value2member_map_
    return _CLASSES.get(status, FatalError)(text, kinds.get(kind, Kind.NONE), native)
