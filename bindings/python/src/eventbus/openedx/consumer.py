"""EVENT_BUS_CONSUMER: receives events and sends each one again as a signal, so that the receivers of this service run."""
from __future__ import annotations

import logging
import re
from datetime import datetime
from functools import partial
from typing import Any, Dict, List, Optional

from django import db
from openedx_events import event_bus
from openedx_events.exceptions import SenderValidationError
from openedx_events.tooling import OpenEdxPublicSignal, load_all_signals

try:
    from openedx_events.tooling import prepare_for_new_work_cycle
except ImportError:                 # before 9.3
    def prepare_for_new_work_cycle() -> None:
        """Older releases have nothing to prepare."""

from ..consumer import Consumer
from ..errors import Error, GoneError, Kind, PermanentError, RetriableError
from ..event import Event
from . import monitoring
from ._bus import ProcessBus
from .settings import explained, read, refuse, say_once
from .values import Serializers, metadata_in

logger = logging.getLogger("eventbus.openedx")

#: The [consume] section that --extra's options make.
SECTION = "extra"
#: What the process ends with, as the `eventbus consume` command does: usage or configuration, broker, anything else.
EXIT = {Kind.CONFIG: 2, Kind.BROKER: 3}


class EventBusConsumer(event_bus.EventBusConsumer):
    """A worker of a group for one topic, as the consume_events command makes it.

    topic, group_id         -t and -g
    consumer_name           this member's name; None: made from the host's name
    start                   where a new group begins: "earliest" (the default), "latest", a time, or a position
    last_read_msg_id        behind this entry of a stream, by the name that edx-event-bus-redis has for it
    offset_time             the same as a time, by the name that edx-event-bus-kafka has for it
    check_backlog           ignored: what a member has not finished always comes again
    claim_msgs_older_than   milliseconds after which the events of a member that is gone are taken over (Redis: claim_after)
    options                 keys of a [consume] section, {"concurrency": 4, "retry.attempts": 3, "key_field": "user.pii.username"}; with
                            EVENT_BUS_INI they stand there, in the section whose topic and group are these
    count, exit_at_end      stop when so many events are settled; when all are settled that the topic has at the start

    All but the first two are members of the JSON object of --extra.
    """

    def __init__(self, *, topic: str, group_id: str, consumer_name: Optional[str] = None, start: Optional[str] = None,
                 last_read_msg_id: Optional[str] = None, offset_time: Any = None, check_backlog: bool = False,
                 claim_msgs_older_than: Optional[int] = None, options: Optional[Dict[str, Any]] = None, count: int = 0,
                 exit_at_end: bool = False, **unknown: Any) -> None:
        if unknown:
            raise refuse(f"--extra has {', '.join(sorted(unknown))}, which a consumer of the event bus does not know; it knows "
                         "consumer_name, start, last_read_msg_id, offset_time, check_backlog, claim_msgs_older_than, "
                         "options, count, exit_at_end")
        self._configuration, self._serializers = read(), Serializers()
        self._topic, self._group = topic, group_id
        self._options: Dict[str, Any] = {"topics": topic, "group": group_id, "name": consumer_name, "count": count,
                                         "exit_at_end": exit_at_end, "start": _start(start, last_read_msg_id, offset_time)}
        del check_backlog
        self._claim(claim_msgs_older_than)
        self._bus = ProcessBus(self._configuration)
        self._worker: Optional[Consumer] = None
        self._take(options)
        self._bus.open()

    def _claim(self, milliseconds: Optional[int]) -> None:
        if milliseconds is None:
            return
        if self._configuration.defaults.get("eventbus.consumer") != "redis":
            say_once(logging.INFO, "claim_msgs_older_than has no counterpart with this broker and is not used")
            return
        if isinstance(milliseconds, bool) or not isinstance(milliseconds, int) or milliseconds < 300:
            raise refuse(f"claim_msgs_older_than is {milliseconds!r}; it must be a whole number of milliseconds from 300")
        self._configuration.defaults["broker.redis.claim_after"] = f"{milliseconds}ms"

    def _take(self, options: Optional[Dict[str, Any]]) -> None:
        """Makes the [consume] section of --extra's options. Whether they are right is for the bus to say, when the worker opens."""
        if options is None:
            return
        if self._configuration.files != ["/dev/null"]:
            raise refuse(f"options belong to the [consume] section of EVENT_BUS_INI whose topic is {self._topic} and whose group is "
                         f"{self._group}; set them there")
        if not isinstance(options, dict) or not all(isinstance(one, (str, int)) for one in options.values()):
            raise refuse(f'options are {options!r}; they must be an object of texts, numbers, true and false: {{"concurrency": 4}}')
        told = {True: "yes", False: "no"}
        section = {"topic": self._topic, "group": self._group,
                   **{key: told[value] if isinstance(value, bool) else str(value) for key, value in options.items()}}
        self._configuration.defaults.update({f"consume.{SECTION}.{key}": value for key, value in section.items()})
        self._options["section"] = SECTION

    # ---- Running ----

    def consume_indefinitely(self) -> None:
        """Runs until it is stopped, by SIGTERM, Ctrl-C or stop(); finishes what is at work. An error ends the process: the exit
        status says which, since consume_events itself would log it and end with 0."""
        try:
            self._run()
        except GoneError as error:
            logger.warning("topic %s, group %s: nothing is consumed: %s", self._topic, self._group, error)
        except Error as error:
            logger.error("topic %s, group %s: %s", self._topic, self._group, explained(error.text, self._configuration.names))
            raise SystemExit(EXIT.get(error.kind, 1)) from error
        finally:
            self._worker = None
            self._bus.close()

    def _run(self) -> None:
        bus = self._bus.get()
        self._give_signals()
        receive = partial(self._receive)
        receive.__qualname__ = "receivers of the service"       # what dead letters name
        with Consumer(bus, receive, **self._options) as self._worker:
            self._worker.run()

    def stop(self) -> None:
        """Ends consume_indefinitely. Any thread, receivers too."""
        worker = self._worker
        if worker is not None:
            worker.stop()

    def _give_signals(self) -> None:
        """Gives the bus the signals of this service. One that cannot go over an event bus is left out."""
        load_all_signals()
        for signal in list(OpenEdxPublicSignal.all_events()):
            try:
                schema = self._serializers.serializer(signal).schema_string
            except Exception as error:          # pylint: disable=broad-except
                logger.debug("%s cannot go over an event bus: %s", signal.event_type, error)
                continue
            self._bus.know(signal, schema)

    # ---- One event ----

    def _receive(self, event: Event) -> None:
        db.reset_queries()
        db.close_old_connections()
        try:
            prepare_for_new_work_cycle()
            with monitoring.event(event, self._group):
                self._send(event)
        finally:
            db.close_old_connections()

    def _send(self, event: Event) -> None:
        try:
            signal = OpenEdxPublicSignal.get_signal_by_type(event.type)
        except KeyError:
            raise PermanentError(f"this service has no signal of the type {event.type}", Kind.DATA) from None
        try:
            data, metadata = self._serializers.objects(signal, event.data), metadata_in(event)
        except Exception as error:
            logger.error("event %s of %s cannot be read", event.id, event.type, exc_info=True)
            raise PermanentError(f"the data does not make the objects of this service: {type(error).__name__}", Kind.DATA) from error
        try:
            responses = signal.send_event_with_custom_metadata(metadata, **data)
        except SenderValidationError as error:
            raise PermanentError(f"the signal refuses the data: {error}", Kind.DATA) from error
        if not responses:
            say_once(logging.WARNING, f"no receiver is connected for {event.type}, or the signal is disabled: such events are acknowledged, "
                                      "and nothing is done")
        _check(event, responses)


def _check(event: Event, responses: List[Any]) -> None:
    """Fails where a receiver has raised: the event is tried again. It is given up when all that failed raised PermanentError."""
    failed = [(receiver, answer) for receiver, answer in responses or () if isinstance(answer, BaseException)]
    if not failed:
        return
    for receiver, answer in failed:
        logger.error("receiver %s failed on event %s of %s", _name(receiver), event.id, event.type,
                     exc_info=(type(answer), answer, answer.__traceback__))
        monitoring.failed(answer)
    kind = PermanentError if all(isinstance(answer, PermanentError) for _, answer in failed) else RetriableError
    raise kind("; ".join(f"{_name(receiver)}: {type(answer).__name__}" for receiver, answer in failed))


def _name(receiver: Any) -> str:
    return f"{getattr(receiver, '__module__', '?')}.{getattr(receiver, '__qualname__', type(receiver).__qualname__)}"


def _behind(last_read: Optional[str]) -> Optional[str]:
    """The position behind an entry of a Redis stream, MILLISECONDS-NUMBER; another text as it is, for the broker to refuse."""
    found = re.fullmatch(r"(\d{1,20})(?:-(\d{1,20}))?", last_read) if isinstance(last_read, str) else None
    return f"{found[1]}-{int(found[2] or 0) + 1}" if found else last_read


def _start(start: Optional[str], last_read: Optional[str], offset_time: Any) -> Optional[str]:
    given = [value for value in (start, _behind(last_read), offset_time) if value is not None]
    if len(given) > 1:
        raise refuse("start, last_read_msg_id and offset_time say the same; give one of them")
    if not given:
        return None
    say_once(logging.INFO, "start, last_read_msg_id and offset_time count for a group that is new; `eventbus seek` moves another one")
    return given[0].isoformat() if isinstance(given[0], datetime) else str(given[0])
