"""tests/packages/test_packages.py - Debian's packages: built from the archive that is released, installed into a fresh root, used,
upgraded and purged there.

Needs dpkg-dev, debhelper, dh-python, python3-cffi, libpython3-dev, lintian, mmdebstrap, root, and a mirror of Debian. `make check-packages` runs it.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
from harness import BUILD, TOP, Failed, Skipped, main, test      # noqa: E402

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
WORK = os.path.join(BUILD, "tests", "packages", "made")
DEBS, ROOT = os.path.join(WORK, "debs"), os.path.join(WORK, "root")
TOOLS = ("dpkg-buildpackage", "dh", "lintian", "mmdebstrap", "chroot")
PACKAGES = ["eventbus", "eventbus-plugin-kafka", "eventbus-plugin-redis", "eventbus-plugin-sqlite", "eventbus-schemas-openedx",
            "libeventbus-conform0", "libeventbus-dev", "libeventbus0", "python3-eventbus"]
SECTION = f"[consume w]\ntopic = a\ngroup = g\nexec = cat >>/tmp/got\n[route r]\nevent = {LOGIN}\ntopic = a\nkey_field = user.pii.username\n"


def call(words, folder=WORK, status=0, stdin=None):
    """Standard output of a command; what it wrote, if it ends with another status."""
    ran = subprocess.run(words, cwd=folder, capture_output=True, text=True, input=stdin, check=False,
                         env={**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", "DEB_BUILD_OPTIONS": "nocheck"})
    if status is not None and ran.returncode != status:
        raise Failed(f"{' '.join(words)} ended with {ran.returncode}\n{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}")
    return ran.stdout


def inside(*words, **more):
    return call(["chroot", ROOT, *words], **more)


def debs(folder=DEBS):
    return {os.path.basename(file).split("_")[0]: file for file in glob.glob(f"{folder}/*.deb") if "-dbgsym_" not in file}


def need_tools():
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        raise Skipped(f"{missing[0]} is missing here")
    if os.geteuid() != 0:
        raise Skipped("only root can make a root for packages")


def need(built):
    need_tools()
    if not built:
        raise Skipped("the packages were not built")


@test
def the_archive_builds_all_packages(t):
    need_tools()
    remove_root()
    shutil.rmtree(WORK, ignore_errors=True)
    os.makedirs(DEBS)
    call(["make", "-s", "dist"], BUILD)
    archive, = glob.glob(f"{BUILD}/eventbus-*.tar.*")
    with tarfile.open(archive) as file:
        file.extractall(DEBS)                               # noqa: S202 - our own archive
    source, = glob.glob(f"{DEBS}/eventbus-*/")
    call(["dpkg-buildpackage", "-b", "-us", "-uc", f"-j{os.cpu_count()}"], source)
    t.equal(sorted(debs()), PACKAGES)
    installed = {package: call(["dpkg-deb", "-c", file]).splitlines() for package, file in debs().items()}
    files = {line.split()[5] for lines in installed.values() for line in lines if not line.startswith("d")}
    staged = {f".{name}" for name in call(["find", f"{source}debian/tmp", "-not", "-type", "d", "-printf", "/%P\n"]).splitlines()}
    plain = {re.sub(r"\.gz$", "", name) for name in files}
    staged = {name for name in staged if ".egg-info" not in name}     # dh_python3 renames it
    t.equal(sorted(name for name in staged if name not in plain), [], "files of make install that are in no package")


@test
def lintian_has_nothing_to_say(t):
    need(debs())
    changes, = glob.glob(f"{DEBS}/*.changes")
    user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "env", "HOME=/tmp"]
    t.equal(call([*user, "lintian", "--fail-on=none", changes]).splitlines(), [])


def remove_root():
    if os.path.ismount(f"{ROOT}/proc"):
        call(["umount", f"{ROOT}/proc"])
    shutil.rmtree(ROOT, ignore_errors=True)


def fresh_root():
    remove_root()
    call(["mmdebstrap", "--quiet", "--variant=apt", "bookworm", ROOT])
    shutil.copy("/etc/resolv.conf", f"{ROOT}/etc/resolv.conf")
    call(["mount", "-t", "proc", "proc", f"{ROOT}/proc"])
    inside("apt-get", "update", "-q")


def install(files):
    os.makedirs(f"{ROOT}/debs", exist_ok=True)
    for file in files:
        shutil.copy(file, f"{ROOT}/debs")
    inside("apt-get", "install", "-q", "-y", "--no-install-recommends", *(f"/debs/{os.path.basename(file)}" for file in files))


def command_of_the_unit():
    with open(f"{ROOT}/lib/systemd/system/eventbus@.service", encoding="utf-8") as unit:
        line, = re.findall(r"^ExecStart=(.*)$", unit.read(), re.MULTILINE)
    return line.replace("%i", "w").split()


def as_the_user(*words):
    """As the unit runs a worker: as its user, with its state folder."""
    return ["chroot", ROOT, "setpriv", "--reuid=eventbus", "--regid=eventbus", "--clear-groups", "env", "-i",
            "PATH=/usr/bin:/bin", "STATE_DIRECTORY=/var/lib/eventbus",
            *words]


def events_pass(t, number):
    """An event goes out, and the worker of the unit hands it to its command."""
    sample = call(as_the_user("eventbus", "signals", LOGIN, "--sample"))
    call(as_the_user("eventbus", "produce", "-"), stdin=sample)
    worker = t.start(*as_the_user(*command_of_the_unit())[1:], command=shutil.which("chroot"))
    t.until(lambda: os.path.exists(f"{ROOT}/tmp/got") and len(read(f"{ROOT}/tmp/got").splitlines()) == number, what="the event")
    worker.send(15)
    worker.wait(0)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


@test
def the_lines_of_the_containerfile_make_a_worker(t):
    """Without a tool for containers: its RUN lines in another root, then its command as its user."""
    need(debs())
    fresh_root()
    os.makedirs(f"{ROOT}/debs")
    for file in glob.glob(f"{DEBS}/*.deb"):
        shutil.copy(file, f"{ROOT}/debs")
    text = read(f"{TOP}/conf/container/Containerfile")
    for line in re.findall(r"^RUN (?:--mount=\S+ )?(.*)$", text, re.MULTILINE):
        inside("sh", "-ec", line)
    (state,), (user,), (entry,) = (re.findall(rf"^{what} (.*)$", text, re.MULTILINE) for what in ("ENV", "USER", "ENTRYPOINT"))
    command = [*json.loads(entry), "consume", "-t", "a", "-g", "g", "-n", "1"]
    worker = ["chroot", ROOT, "setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "env", "-i", "PATH=/usr/bin:/bin", state]
    call([*worker, *json.loads(entry), "produce", "-t", "a", "-"], stdin=call([*worker, *json.loads(entry), "signals", LOGIN, "--sample"]))
    t.contains(call([*worker, *command]), LOGIN)
    t.contains(inside("eventbus", "plugins"), "redis", "kafka", "sqlite")


@test
def a_fresh_root_runs_a_worker(t):
    need(debs())
    fresh_root()
    built = debs()
    install([built[name] for name in ("eventbus", "eventbus-plugin-sqlite", "eventbus-schemas-openedx")])
    t.contains(inside("getent", "passwd", "eventbus"), "/var/lib/eventbus")
    state = os.stat(f"{ROOT}/var/lib/eventbus")
    t.equal(state.st_mode & 0o7777, 0o700, "rights of the state folder")
    with open(f"{ROOT}/etc/eventbus/eventbus.ini", "a", encoding="utf-8") as file:
        file.write(SECTION)
    t.contains(inside("eventbus", "config", "check"), "right: ")
    t.contains(inside("eventbus", "plugins"), "sqlite", "memory")
    t.contains(inside("bash", "-c", "source /usr/share/bash-completion/completions/eventbus; complete -p eventbus"), "_eventbus")
    events_pass(t, 1)


@test
def the_other_packages_are_installed_beside(t):
    need(os.path.exists(f"{ROOT}/usr/bin/eventbus"))
    install([debs()[name] for name in PACKAGES if name.startswith(("eventbus-plugin-", "lib"))])
    t.contains(inside("eventbus", "plugins"), "redis", "kafka")
    t.contains(inside("eventbus", "plugins", "kafka"), "bootstrap_servers")


@test
def the_python_package_runs_the_lines_of_its_readme(t):
    need(os.path.exists(f"{ROOT}/usr/bin/eventbus"))
    install([debs()["python3-eventbus"]])
    lines = re.search(r"## Ten lines\n\n((?:    .*\n|\n)+)", read(f"{TOP}/bindings/python/README.md"))[1]
    done = call(as_the_user("python3", "-c", "\n".join(line[4:] for line in lines.splitlines())))
    t.equal(done, f"{LOGIN} ada\n")


@test
def an_upgrade_keeps_configuration_and_events(t):
    need(os.path.exists(f"{ROOT}/usr/bin/eventbus"))
    newer = os.path.join(WORK, "newer")
    os.makedirs(newer, exist_ok=True)
    for package, file in debs().items():
        tree = os.path.join(newer, package)
        call(["dpkg-deb", "-R", file, tree])
        control = re.sub(r"0\.1\.0\b", "0.1.1", read(f"{tree}/DEBIAN/control"))
        with open(f"{tree}/DEBIAN/control", "w", encoding="utf-8") as changed:
            changed.write(control)
        call(["dpkg-deb", "--root-owner-group", "-b", tree, newer])
    install(list(debs(newer).values()))
    t.contains(inside("dpkg-query", "-W", "eventbus"), "0.1.1")
    t.contains(read(f"{ROOT}/etc/eventbus/eventbus.ini"), SECTION)
    events_pass(t, 2)


@test
def a_purge_leaves_nothing_but_data(t):
    need(os.path.exists(f"{ROOT}/usr/bin/eventbus"))
    inside("apt-get", "purge", "-q", "-y", *PACKAGES)
    left = inside("find", "/", "-xdev", "-iname", "*eventbus*", "-not", "-path", "/proc/*", "-not", "-path", "/debs/*").splitlines()
    t.equal(left, ["/var/lib/eventbus"], "what a purge leaves")
    t.check(os.path.exists(f"{ROOT}/var/lib/eventbus/bus.db"), "the events stay")
    remove_root()
    shutil.rmtree(WORK)


main()
