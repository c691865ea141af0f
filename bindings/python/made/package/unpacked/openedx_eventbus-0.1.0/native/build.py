"""Makes eventbus._native: cffi in API mode over the libeventbus that pkg-config finds, in Python's stable ABI."""
import os
import shlex
import subprocess

from cffi import FFI

HERE = os.path.dirname(os.path.abspath(__file__))


def pkg_config(*words):
    command = os.environ.get("PKG_CONFIG", "pkg-config")
    try:
        done = subprocess.run([command, *words, "eventbus"], capture_output=True, text=True, check=False)
    except OSError as error:
        raise SystemExit(f"openedx-eventbus is built by {command}, which does not start: {error}; "
                         "on Debian: apt-get install pkg-config") from None
    if done.returncode:
        raise SystemExit("openedx-eventbus is built over libeventbus, whose eventbus.pc is not found: install libeventbus "
                         f"(make install, or libeventbus-dev), or name its folder in PKG_CONFIG_PATH: {done.stderr.strip()}")
    return shlex.split(done.stdout)


def read(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


ffi = FFI()
ffi.cdef(read("api.h"))
# -std=gnu11: the oldest that the headers of eventbus take.
ffi.set_source("eventbus._native", read("native.c"), py_limited_api=True, define_macros=[("_GNU_SOURCE", None)],
               extra_compile_args=["-std=gnu11", *pkg_config("--cflags")], extra_link_args=pkg_config("--libs"))

if __name__ == "__main__":
    ffi.compile(verbose=True)
