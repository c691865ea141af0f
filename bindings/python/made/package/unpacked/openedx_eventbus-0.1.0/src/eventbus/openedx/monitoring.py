"""What monitoring is told of each event, where edx-django-utils is installed; it does nothing where New Relic and the like are not.

Sentry hears of failures by the error lines of logging.
"""
from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator

from ..event import Event

try:
    from edx_django_utils.monitoring import function_trace, record_exception, set_custom_attribute
except ImportError:
    function_trace = record_exception = set_custom_attribute = None


@contextmanager
def event(one: Event, group: str) -> Iterator[None]:
    """Around the receivers of an event."""
    if set_custom_attribute is None:
        yield
        return
    with function_trace("eventbus.openedx.receive"):
        for name, value in (("topic", one.topic), ("group", group), ("type", one.type), ("id", one.id), ("attempt", one.attempt)):
            set_custom_attribute(f"eventbus_{name}", value)
        yield


def failed(error: BaseException) -> None:
    """A receiver has raised."""
    if record_exception is None:
        return
    try:
        raise error
    except BaseException:                       # pylint: disable=broad-except
        record_exception()
