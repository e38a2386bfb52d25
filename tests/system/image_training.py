# SPDX-License-Identifier: Apache-2.0
"""Images whose application was run once beforehand: that its JVM uses the archive, that the archive makes the same image
again, and that what goes wrong is said and costs no more than the archive."""

import json
import os
import pathlib
import signal
import subprocess
import time
import zipfile

from parts.process import run
from system import jdks
from system.jvm_crash import JVM_OPTION
from system.system import MOKA, base_environment

HELLO = "build/java/hello.jar"
# Two VMs and a build, on a machine that does much else.
PATIENCE = 600
LIMIT = ["--train-limit", "300"]
# Of what hello loads: nearly all.
SHARE = 0.95


def moka(words):
    return run([os.path.abspath(MOKA), *words], PATIENCE, env=base_environment())


def build(release, image, *words):
    """What is wrong with the build, and what it said."""
    outcome = moka(["build", "--jdk", jdks.find(release), "-J", JVM_OPTION, *LIMIT, *words, HELLO, "-o", str(image)])
    failed = outcome.timed_out or outcome.status != 0
    said = outcome.stderr.decode(errors="replace")
    return f"moka build ended with {outcome.status}: {outcome.text()[-3000:]}" if failed else "", said


def hello(image, release, option=""):
    """What is wrong with a run, its lines, and what moka said."""
    outcome = moka(["run", "-m", "512", *(["-e", f"JAVA_TOOL_OPTIONS={option}"] if option else []), str(image)])
    lines, said = outcome.stdout.decode(errors="replace").splitlines(), outcome.stderr.decode(errors="replace")
    good = outcome.status == 0 and f"Hello from Java {release}" in lines
    return "" if good else f"status {outcome.status}: {outcome.text()[-3000:]}", lines, said


def uses_archive(image, release):
    problem, lines, said = hello(image, release, "-Xlog:class+load")
    loaded = [line for line in lines if " source: " in line]
    shared = [line for line in loaded if "source: shared objects file" in line]
    if len(shared) < SHARE * len(loaded) or not loaded:
        problem += f"{len(shared)} of {len(loaded)} classes came from an archive\n"
    if not any("examples.Hello " in line for line in shared):
        problem += "the application's own class did not come from an archive\n"
    if "reject" in said:
        problem += f"moka said {said}\n"
    return problem


def trained(release):
    def case(folder):
        """Trained by starting it; used; the same again to the byte; rejected where the JVM is another; refused for
        another jar."""
        if jdks.find(release) is None:
            return f"SKIP {jdks.reason_for_absence(release)}"
        first, second, archive = folder / "first.img", folder / "second.img", folder / "archive"
        problem, said = build(release, first, "--archive-out", str(archive))
        if problem or said:
            return problem or f"moka build said {said}"
        problem = uses_archive(first, release)
        manifest = json.loads(moka(["inspect", "--output", "json", str(first)]).stdout)
        if manifest["training"]["training"] != "start" or "archive" not in [layer["name"] for layer in manifest["layers"]]:
            problem += f"the manifest: {manifest}\n"
        failure, _ = build(release, second, "--archive", str(archive))
        if failure or run(["cmp", str(first), str(second)], PATIENCE).status != 0:
            problem += failure or "the image is another one with its own archive\n"
        failure, _, said = hello(first, release, "-XX:-UseCompressedOops")
        if said.count("rejected the archive") != 1:
            problem += f"an archive for another JVM, and moka said: {said!r}\n"
        other = moka(["build", "--jdk", jdks.find(release), "--archive", str(archive), "-cp", HELLO, "io.mokapot.examples.Hello",
                      "-o", str(second)])
        if other.status != 2 or "made for" not in other.text():
            problem += f"an archive for another command was taken: {other.text()}\n"
        archive.write_bytes(archive.read_bytes()[:-5000])
        cut = moka(["build", "--jdk", jdks.find(release), "--archive", str(archive), HELLO, "-o", str(second)])
        if cut.status != 2 or len(cut.text().splitlines()) != 1:
            problem += f"a damaged archive: {cut.status}: {cut.text()}\n"
        return problem + failure
    return case


def failing(folder):
    """URLs that nobody serves: a warning, and an image."""
    image = folder / "app.img"
    problem, said = build(17, image, "--train", "http://localhost:9/")
    if said.count("training failed") != 1 or len(said.splitlines()) != 1:
        problem += f"moka build said {said!r}\n"
    return problem or hello(image, 17)[0]


def folder_of_classes(folder):
    """No JVM archives classes of a folder: said at once, before any VM, with what to do."""
    classes, image = folder / "classes", folder / "app.img"
    with zipfile.ZipFile(HELLO) as jar:
        jar.extractall(classes)
    outcome = moka(["build", "--jdk", jdks.find(17), "-cp", str(classes), "io.mokapot.examples.Hello", "-o", str(image)])
    said = outcome.stderr.decode(errors="replace")
    if outcome.status != 0 or len(said.splitlines()) != 1 or f"the folder {classes}; pack it as a jar" not in said:
        return f"status {outcome.status}: {said!r}"
    shown = moka(["inspect", str(image)]).stdout.decode()
    return "" if "none" in [line.split()[-1] for line in shown.splitlines() if line.startswith("training")] else shown


def interrupted(folder):
    """SIGINT while the VM trains: no VM and no file are left."""
    cache = folder / "cache"
    process = subprocess.Popen([MOKA, "build", "--jdk", jdks.find(17), HELLO, "-o", str(folder / "app.img")],
                               env=base_environment() | {"XDG_CACHE_HOME": str(cache)}, stderr=subprocess.PIPE)
    status = None
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        status = next(cache.glob("mokapot/building.*/state/mokapot/vms/training"), None)
        if status:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    if status is None:
        return "the training did not begin"
    left = [path.name for path in folder.iterdir() if path != cache] + [p.name for p in cache.glob("mokapot/building.*")]
    problem = f"left: {left}\n" if left else ""
    running = [name for name in pathlib.Path("/proc").glob("[0-9]*/cmdline") if str(cache).encode() in content(name)]
    # A VM dies with moka, but the kernel takes a moment for it.
    while running and time.monotonic() < end:
        running = [name for name in running if str(cache).encode() in content(name)]
    return problem + (f"still running: {running}" if running else "")


def content(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


CASES = {"trained, Java 17": trained(17), "trained, Java 25": trained(25), "a training that fails": failing,
         "a folder on the class path": folder_of_classes,
         "a training interrupted": interrupted}
