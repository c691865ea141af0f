"""tests/process/clocks.py - processes whose wall clock is wrong, see moved_clock.c; no other clock is."""
import os
import struct

from harness import TOP

with open(os.path.join(TOP, "tests", "process", "moved_clock.c"), encoding="utf-8") as _file:
    MOVED_CLOCK = _file.read()


class Clock:
    """The wall clock of the processes that get its environment; set() moves it under them."""

    made = 0

    def __init__(self, t, seconds=0):
        Clock.made += 1
        self.path = t.write(f"clock{Clock.made}", struct.pack("q", 0))
        library = os.path.join(t.folder, "clock", "moved_clock.so")
        if not os.path.exists(library):
            t.compile_plugin("moved_clock", MOVED_CLOCK, folder="clock")
        self.environment = {"LD_PRELOAD": library, "MOVED_CLOCK": self.path}
        self.set(seconds)

    def set(self, seconds):
        with open(self.path, "r+b") as file:
            file.write(struct.pack("q", int(seconds * 1000)))
