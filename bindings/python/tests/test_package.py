"""bindings/python/tests/test_package.py - the archive, the wheel, and what the README promises."""
import ast
import glob
import os
import re
import shutil
import subprocess
import tarfile
import zipfile

from python_case import LOGIN, PACKAGE, environment, made
import python_service
from harness import BUILD, main, test
from installed import Installed, call, only_with_plain_flags


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


def ten_lines():
    lines = re.search(r"## Ten lines\n\n((?:    .*\n|\n)+)", read("README.md"))[1]
    return "\n".join(line[4:] for line in lines.splitlines())


@test
def the_lines_of_the_readme_run(t):
    code = ten_lines()
    t.check(len([line for line in code.splitlines() if line]) == 10, code)
    done = t.run(t.write("ten.py", code), command=made().python, env=environment())
    t.equal(done.out, f"{LOGIN} ada\n")
    t.check(os.path.exists(f"{t.state}/bus.db"), "topics are in the state folder")


@test
def the_wheel_is_built_over_an_installed_event_bus(t):
    """As its users build it: from the archive, with nothing of the sources or of the build on the way."""
    only_with_plain_flags(t)
    root = Installed(t)
    shutil.unpack_archive(made().archive, t.path("unpacked"))
    folder, = glob.glob(t.path("unpacked/*"))
    call([python_service.python(), "-m", "pip", "-q", "wheel", "--no-deps", "--no-index", "--no-build-isolation", "-w", t.path("dist"), folder],
         t.folder, {**root.tools, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    wheel, = glob.glob(t.path("dist/*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(t.path("site"))
    library = os.path.dirname(root.find("libeventbus.so.0"))
    t.write("installed.ini", f"[eventbus]\nproducer = m\nconsumer = m\nplugin_path = {root.folder_of('plugindir')}\n"
            f"schema_path = {os.path.dirname(root.find(LOGIN + '.avsc'))}\n[broker m]\nplugin = sqlite\n")
    done = t.run(t.write("ten.py", ten_lines()), command=made().python,
                 env=environment({"PYTHONPATH": t.path("site"), "LD_LIBRARY_PATH": library, "EVENTBUS_CONFIG": t.path("installed.ini")}))
    t.equal(done.out, f"{LOGIN} ada\n")
    needed = subprocess.run(["readelf", "-d", t.path("site/eventbus/_native.abi3.so")], capture_output=True, text=True, check=True).stdout
    t.lacks(needed, BUILD)                                  # the Python that builds may add a path of its own


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
