# SPDX-License-Identifier: Apache-2.0
"""The Maven plugin: its unit tests, and its goals in builds of sample projects by a real Maven, most with a stand-in
for moka, some with VMs."""

import os
import pathlib
import re
import shutil
import signal
import socket
import time
import urllib.request

from parts.process import run
from system.maven.mvn import (PATIENCE, PLACE, PLUGIN, REACTOR, REPOSITORY, Failure, Mvn, StandIn, Unreachable, sample, want)
from system.system import missing_moka

# A VM that lost its build has ten seconds for ending by itself; the rest is for a busy machine.
GONE_WITHIN = 90


def install(_):
    """The plugin and moka into the tests' repository, with the plugin's unit tests."""
    output = Mvn(REACTOR.parent).run("-pl", "bench,dist,maven-plugin", "-am", "install")
    ran = re.search(r"Tests run: (\d+), Failures: 0, Errors: 0, Skipped: 0$", output, re.MULTILINE)
    want(ran and int(ran[1]) > 0, "no unit test ran", output)


def plain(_):
    """A project that knows nothing of us, from clean, by full coordinates: its class path, its main class, its end."""
    mvn = sample("plain")
    output = mvn.run("clean", f"{PLUGIN}:run", "-Dmokapot.args='a b' c", "-Dmokapot.options=-e COLOUR=blue", status=1)
    want('plain: ["a b","c"] blue\n' in output, "the program did not run", output)
    want("the application ended with status 2" in output, "its end is not told", output)
    mvn.want_no_vm("behind the build")


def offline(_):
    """Again without a network; what has not changed is not built again."""
    mvn = Mvn(PLACE / "plain/plain")
    jar = next((mvn.folder / "target").glob("*.jar"))
    built = jar.stat().st_mtime_ns
    moka = StandIn(mvn)
    output = mvn.run("-o", f"{PLUGIN}:run", moka.option, env=moka.env)
    want(jar.stat().st_mtime_ns == built, "the jar was built again", output)
    called = [(call[0], call[-1]) for call in moka.calls()]
    want(called == [("check", "app.Plain"), ("run", "app.Plain")], f"moka got {moka.calls()}", output)


def advice(_):
    """No main class, two of them, a moka that refuses, one that is none."""
    mvn = sample("plain")
    source = mvn.folder / "src/main/java/app/Plain.java"
    text = source.read_text()
    moka = StandIn(mvn)
    source.write_text(text.replace("static void main", "static void start"))
    output = mvn.run(f"{PLUGIN}:run", moka.option, status=1, env=moka.env)
    want("plain has no class with public static void main" in output and "-Dmokapot.mainClass=" in output,
         "no advice on a missing main class", output)
    source.write_text(text)
    (source.parent / "Other.java").write_text(text.replace("class Plain", "class Other"))
    output = mvn.run(f"{PLUGIN}:run", moka.option, status=1, env=moka.env)
    want("(app.Other, app.Plain); say which: -Dmokapot.mainClass=" in output, "no advice on two main classes", output)
    want(moka.calls() == [], "moka was called", output)
    output = mvn.run(f"{PLUGIN}:build", moka.option, "-Dmokapot.mainClass=app.Other", "-Dmokapot.options=refuse",
                     status=1, env=moka.env)
    want("moka: the stand-in refuses" in output and "moka build ended with status 2" in output,
         "moka's refusal is not told", output)
    output = mvn.run(f"{PLUGIN}:build", "-Dmokapot.mainClass=app.Other", "-Dmokapot.moka=/no/moka", status=1)
    want("-Dmokapot.moka=/no/moka is no program" in output, "no advice on a wrong moka", output)


def checked(_):
    """What will not work is said by a goal of its own, which fails then, and in a line of `run`."""
    mvn = sample("plain")
    output = mvn.run(f"{PLUGIN}:check")
    want("0 will break" in output, "moka check said nothing", output)
    source = mvn.folder / "src/main/java/app/Plain.java"
    text = source.read_text()
    start = text.index("{", text.index("main(")) + 1
    source.write_text(f'{text[:start]} try (var in = new ProcessBuilder("/bin/true").start().getInputStream()) {{ in.read(); }} {text[start:]}'
                      .replace("main(String[] arguments)", "main(String[] arguments) throws Exception"))
    output = mvn.run(f"{PLUGIN}:check", status=1)
    want("!app.Plain.main starts a process" in output and "will not work in a VM" in output, "the process start is not told", output)
    moka = StandIn(mvn)
    output = mvn.run(f"{PLUGIN}:run", moka.option, env=moka.env | {"MOKA_STAND_IN_SAYS": "breaks: a.jar!A.b is bad"})
    want(output.count("a.jar!A.b is bad (mokapot:check says all)") == 1, "run did not warn", output)


def modules(_):
    """An aggregator, a library and two applications, on two threads: an image for each application."""
    mvn = sample("modules")
    moka = StandIn(mvn)
    output = mvn.run("-T2", "clean", f"{PLUGIN}:build", moka.option, env=moka.env)
    for name in ("one", "two"):
        want((mvn.folder / name / f"target/{name}-1.qcow2").exists(), f"no image of {name}", output)
        call = next((call for call in moka.calls() if call[-1] == f"{name}.{name.capitalize()}"), None)
        want(call and "/library" in call[call.index("-cp") + 1], f"{name} without its library: {moka.calls()}", output)
    want("modules is an aggregator and builds no application: passed over" in output, "no word on the aggregator", output)
    want("library has no main class: passed over as a library" in output, "no word on the library", output)
    # The goal is not the last: what follows packages again.
    mvn.run("-o", f"{PLUGIN}:build", "package", moka.option, env=moka.env)
    output = mvn.run("-pl", "library,.", f"{PLUGIN}:build", moka.option, status=1, env=moka.env)
    want("none of the projects has a main class" in output, "nothing to do is no mistake", output)


def integration_test(_):
    """A server in a VM between start and stop, with a test that asks it; then the test fails."""
    mvn = sample("web")
    output = mvn.run("verify", "-Dmokapot.memory=256")
    want("Tests run: 1, Failures: 0" in output, "the integration test did not run", output)
    want("listening" in (mvn.folder / "target/mokapot/mokapot.log").read_text(), "no output of the server", output)
    mvn.want_no_vm("behind stop")
    output = mvn.run("-o", "verify", "-Dmokapot.memory=256", "-Dexpected=another", status=1)
    want("expected: <another> but was: <served>" in output, "the integration test did not fail", output)
    mvn.want_no_vm("behind a failed test")


def without_stop(_):
    """A build that ends between start and stop."""
    mvn = sample("web")
    output = mvn.run("pre-integration-test", "-Dmokapot.memory=256")
    want("mokapot.url=http://127.0.0.1:" in output, "the server did not start", output)
    mvn.want_no_vm("behind a build without stop")


def want_served(build):
    port = build.wait_for(r"127\.0\.0\.1:(\d+) -> 8080")[1]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=120) as answer:
        want(answer.read() == b"served", "another answer", "")


def served(name, packaging="jar"):
    """A server made with somebody else's plugin, which has its own way of packaging."""
    def test(_):
        mvn = sample(name)
        pom = mvn.folder / "pom.xml"
        pom.write_text(pom.read_text().replace("<packaging>jar</packaging>", f"<packaging>{packaging}</packaging>"))
        with mvn.running("clean", f"{PLUGIN}:run") as build:
            want_served(build)
            build.process.send_signal(signal.SIGTERM)
            mvn.want_no_vm("behind SIGTERM", GONE_WITHIN)
    return test


def doctor(_):
    """Outside of any project."""
    mvn = Mvn(PLACE)
    output = mvn.run(f"{PLUGIN}:doctor")
    want(re.search(r"moka: .*/mokapot/dist/[0-9a-f]{32}/moka\n", output), "it does not say which moka", output)
    output = mvn.run(f"{PLUGIN}:doctor", env={"PATH": without_qemu()}, status=1)
    want("apt-get install qemu-system-x86" in output, "it does not miss QEMU", output)


def without_qemu():
    """A folder of links to all programs but QEMU."""
    folder = PLACE / "without-qemu"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for place in os.environ["PATH"].split(os.pathsep):
        for program in pathlib.Path(place).glob("*"):
            if not program.name.startswith("qemu") and not (folder / program.name).exists():
                (folder / program.name).symlink_to(program)
    return str(folder)


def image(_):
    """An image by moka itself, that runs."""
    mvn = sample("plain")
    mvn.run(f"{PLUGIN}:build", "-Dmokapot.args=x")
    built = run(["build/moka", "run", str(mvn.folder / "target/plain-1.qcow2")], PATIENCE)
    want(built.status == 1 and b'plain: ["x"]' in built.stdout, f"the image ended with {built.status}", built.text())


def examples(_):
    """java/examples, with their own tests; each as a VM, asked something."""
    mvn = Mvn(REACTOR.parent)
    mvn.run("install")
    output = mvn.run("-o", "-pl", "examples/hello", "mokapot:run")
    want("Hello from Java" in output, "hello said nothing", output)
    for name, path, answer in (("tomcat", "/path", b"Hello from Tomcat, /path"), ("spring", "/notes", b"[]")):
        with mvn.running("-o", "-pl", f"examples/{name}", "mokapot:run") as build:
            port = build.wait_for(r"127\.0\.0\.1:(\d+) -> 8080")[1]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=120) as got:
                want(got.read().strip() == answer, f"{name} answered otherwise", "")
    with mvn.running("-o", "-pl", "examples/cache", "mokapot:run") as build:
        port = int(build.wait_for(r"127\.0\.0\.1:(\d+) -> 11211")[1])
        with socket.create_connection(("127.0.0.1", port), 60) as client, client.makefile("rb") as stream:
            client.sendall(b"set k 0 0 5\r\nhello\r\nget k\r\nquit\r\n")
            want(stream.read() == b"STORED\r\nVALUE k 0 5\r\nhello\r\nEND\r\n", "the cache answered otherwise", "")
    mvn.want_no_vm("behind builds that were killed", GONE_WITHIN)


def ended_by(number):
    def test(_):
        mvn = sample("web")
        with mvn.running("-o", f"{PLUGIN}:run", "-Dmokapot.memory=256") as build:
            want_served(build)
            want(len(mvn.vms()) == 2, f"not a moka and a QEMU: {mvn.vms()}", "")
            build.process.send_signal(number)
            mvn.want_no_vm(f"behind {signal.Signals(number).name}", GONE_WITHIN)
    return test


CASES = (  # title, test, when
    ("unit tests, and the plugin into a repository", install, "test"),
    ("run: a plain jar from clean", plain, "test"),
    ("run: offline and incremental", offline, "test"),
    ("advice", advice, "test"),
    ("doctor", doctor, "test"),
    ("check, and what run says of it", checked, "test"),
    ("build: several modules on two threads", modules, "test"),
    ("start and stop around a test", integration_test, "test"),
    ("a build that does not stop what it started", without_stop, "test"),
    ("a build that is killed", ended_by(signal.SIGKILL), "test"),
    ("a build that is ended", ended_by(signal.SIGTERM), "soak"),
    ("run: Spring Boot, a jar", served("spring"), "soak"),
    ("run: Spring Boot, a war", served("spring", "war"), "soak"),
    ("run: Quarkus, a fast-jar", served("quarkus"), "soak"),
    ("the examples", examples, "soak"),
    ("build: an image that runs", image, "test"),
)


def seconds(options):
    # Frameworks start slowly without hardware virtualisation.
    return 600 if options.mode == "soak" else 90


def prepare():
    """'' where builds are possible, else why not."""
    if not shutil.which("mvn"):
        return "no Maven on this machine (Debian: maven)"
    REPOSITORY.mkdir(parents=True, exist_ok=True)
    PLACE.mkdir(parents=True, exist_ok=True)
    return ""


def maven(results, options):
    if missing_moka():
        results.failed("Maven", missing_moka())
        return
    if not pathlib.Path("build/java/mokapot-dist-linux-x86_64.jar").exists():
        results.failed("Maven", "moka's archive for Maven was not built; `make java` says why")
        return
    # All others need the plugin.
    chosen = [case for case in CASES if case[1] is install
              or (options.only_case in case[0] and (case[2] == "test" or options.mode == "soak"))]
    absent = prepare()
    for title, test, _ in chosen:
        if absent:
            results.skipped(title, absent)
            continue
        start = time.monotonic()
        try:
            test(options)
            results.passed(title, time.monotonic() - start)
        except Unreachable as problem:
            absent = str(problem)
            results.skipped(title, absent)
        except (Failure, OSError) as problem:
            results.failed(title, f"{type(problem).__name__}: {problem}")
            if test is install:
                return  # what follows would try an older plugin, or none
