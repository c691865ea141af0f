"""manage.py eventbus_settings: prints what the site has set for the event bus, as `eventbus config import --django -` takes it."""
from __future__ import annotations

import json
import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.functional import Promise

from ...settings import OTHERS, TABLE

OF_THE_SERVICE = {"EVENTS_SERVICE_NAME", "SERVICE_VARIANT"}
KNOWN = {setting.name for setting in TABLE} | OTHERS | OF_THE_SERVICE


def _plain(value: Any) -> Any:
    """A path, or a text that Django translates, as a text. TypeError: it is nothing that JSON has."""
    if isinstance(value, (os.PathLike, Promise)):
        return str(value)
    raise TypeError(type(value).__name__)


class Command(BaseCommand):
    """Prints one JSON object, each name a setting. Passwords are in it: give it to a pipe, not to a file."""

    help = "Prints the settings of the event bus as JSON, passwords too: manage.py eventbus_settings | eventbus config import --django -"
    requires_system_checks: Any = []

    def handle(self, *args: Any, **options: Any) -> None:
        found = {}
        for name in dir(settings):
            if name.startswith("EVENT_BUS_") or name in OF_THE_SERVICE:
                value = getattr(settings, name)
                try:
                    found[name] = json.loads(json.dumps(value, default=_plain, allow_nan=False))
                except (TypeError, ValueError, RecursionError) as error:
                    if name not in KNOWN:
                        self.stderr.write(f"the setting {name} is not known and is left out: JSON cannot hold it")
                        continue
                    raise CommandError(f"the setting {name} holds what JSON cannot hold: {error}") from None
        self.stdout.write(json.dumps(found, indent=2, sort_keys=True))
