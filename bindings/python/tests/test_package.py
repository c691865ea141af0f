"""bindings/python/tests/test_package.py - the archive, the wheel, and what the README promises."""
import ast
import glob
import os
import re
import subprocess
import tarfile
import zipfile

from python_case import PACKAGE, environment, made
from harness import main, test


def read(name):
    with open(os.path.join(PACKAGE, name), encoding="utf-8") as file:
        return file.read()


@test
def one_wheel_serves_every_python_from_3_8(t):
    t.matches(made().wheel, r"/openedx_eventbus-[\d.]+-cp38-abi3-linux_\w+\.whl$")
    with zipfile.ZipFile(made().wheel) as wheel:
        names = wheel.namelist()
        metadata = wheel.read(next(name for name in names if name.endswith("/METADATA"))).decode()
        native = next(name for name in names if name.endswith(".so"))
        library = wheel.extract(native, t.folder)
    t.equal(native, "eventbus/_native.abi3.so")
    t.contains("\n".join(names), "eventbus/py.typed", "eventbus/bus.py")
    t.contains(metadata, "Requires-Python: >=3.8", "Requires-Dist: cffi")
    symbols = subprocess.run(["nm", "-D", "--undefined-only", library], capture_output=True, text=True, check=True).stdout
    private = re.findall(r"\b(_Py\w+)", symbols)
    t.equal([name for name in private if name not in ("_Py_Dealloc", "_Py_NoneStruct")], [], "names that are not in the stable ABI")


@test
def no_file_needs_a_python_after_3_8(t):
    files = glob.glob(f"{PACKAGE}/src/**/*.py", recursive=True) + [f"{PACKAGE}/setup.py", f"{PACKAGE}/native/build.py"]
    t.check(len(files) > 8, f"only {files} were found")
    for path in files:
        with open(path, encoding="utf-8") as file:
            ast.parse(file.read(), path, feature_version=(3, 8))


@test
def the_version_is_that_of_the_event_bus(t):
    with open(os.path.join(PACKAGE, "../../include/eventbus/version.h"), encoding="utf-8") as file:
        version = re.search(r'EB_VERSION "(.*)"', file.read())[1]
    t.equal(re.search(r'^version = "(.*)"', read("pyproject.toml"), re.MULTILINE)[1], version)
    t.equal(re.search(r'__version__ = "(.*)"', read("src/eventbus/__init__.py"))[1], version)
    done = t.run("-c", "import eventbus; print(eventbus.version())", command=made().python, env=environment())
    t.equal(done.out.strip(), version)


@test
def the_archive_has_what_builds_it(t):
    with tarfile.open(made().archive) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
    wanted = {"pyproject.toml", "setup.py", "README.md", "native/api.h", "native/native.c", "native/build.py", "src/eventbus/py.typed"}
    t.equal(sorted(wanted - names), [])


@test
def the_lines_of_the_readme_run(t):
    lines = re.search(r"## Ten lines\n\n((?:    .*\n|\n)+)", read("README.md"))[1]
    code = "\n".join(line[4:] for line in lines.splitlines())
    t.check(len([line for line in code.splitlines() if line]) == 10, code)
    done = t.run(t.write("ten.py", code), command=made().python, env=environment())
    t.equal(done.out, "org.openedx.learning.auth.session.login.completed.v1 ada\n")
    t.check(os.path.exists(f"{t.state}/bus.db"), "topics are in the state folder")


@test
def each_file_stands_on_the_map(t):
    table = read("README.md").split("## Building")[1]
    for path in glob.glob(f"{PACKAGE}/src/**/*.py", recursive=True) + glob.glob(f"{PACKAGE}/native/*"):
        if os.path.basename(path) != "__init__.py" and "__pycache__" not in path:
            t.contains(table, os.path.basename(path))


@test
def what_is_public_has_a_docstring(t):
    done = t.run("-c", """
import eventbus, inspect
for name in eventbus.__all__:
    one = getattr(eventbus, name)
    assert inspect.getdoc(one), name
    for part, value in vars(one).items() if inspect.isclass(one) else ():
        if not part.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
            print(name + "." + part if not value.__doc__ else "", end="")
""", command=made().python, env=environment())
    t.equal(done.out, "", "without a docstring")


main()
