"""The part of the build that pyproject.toml cannot say: the module in C, and the tag of a wheel for all Pythons from 3.8."""
import sys

from setuptools import setup

# What makes an archive of the sources needs no libeventbus.
BUILDS = {"bdist_wheel", "build", "build_ext", "develop", "editable_wheel", "install"}

setup(options={"bdist_wheel": {"py_limited_api": "cp38"}},
      **({"cffi_modules": ["native/build.py:ffi"]} if BUILDS.intersection(sys.argv) else {}))
