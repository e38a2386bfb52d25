# SPDX-License-Identifier: Apache-2.0
"""Tomcat, embedded in a program and as the distribution comes from Maven Central: asked the same things on the
host and in a VM, with answers compared byte by byte (their hashes)."""

import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

from system import artifacts, jdks
from system.network_vm import Failure, Vm, free_port, has_ipv6
from system.system import missing_moka
from system.tomcat.probes import Probes, request

PLACE = pathlib.Path("build/tests/tomcat")
START_TIMEOUT = 600
# Sizes around what a segment, a window and a page hold.
SIZES = {"test": (0, 1, 1460, 4096, 100_000, 20_000_000), "soak": (0, 1, 1460, 4096, 100_000, 20_000_000, 1 << 30)}


def want_equal(name, host, vm):
    if host != vm:
        raise Failure(f"{name} differs:\n  host: {str(host)[:1500]}\n  vm:   {str(vm)[:1500]}")


def wait_for_port(port, process):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 5).close()
            return
        time.sleep(0.2)
    raise Failure(f"Tomcat did not start on the host: status {process.poll()}")


@contextlib.contextmanager
def on_host(command, folder, port):
    """The same Tomcat as a process of the host."""
    log = open(PLACE / "host.log", "ab")
    process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for_port(port, process)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()


# --- Embedded -------------------------------------------------------------------------------------

def build_embedded(mode):
    """A folder with the program, its libraries, static files and a certificate."""
    folder = PLACE / "embedded"
    shutil.rmtree(folder, ignore_errors=True)
    artifacts.TOMCAT.link(folder / "lib", artifacts.EMBEDDED)
    sources = sorted(map(str, pathlib.Path("tests/system/java/tomcat").glob("*.java")))
    subprocess.run(["javac", "--release", "17", "-proc:none", "-cp", f"{folder}/lib/*", "-d", str(folder / "classes"),
                    *sources], check=True)
    (folder / "static").mkdir()
    for size in SIZES[mode]:
        with open(folder / f"static/{size}.bin", "wb") as file:
            source = random.Random(size)
            for done in range(0, size, 1 << 24):
                file.write(source.randbytes(min(1 << 24, size - done)))
    (folder / "static/text.txt").write_text("a line of text that compresses well\n" * 1000)  # larger files bypass gzip
    subprocess.run(["keytool", "-genkeypair", "-keyalg", "EC", "-dname", "CN=tomcat.test", "-validity", "365",
                    "-keystore", str(folder / "keystore.p12"), "-storepass", "changeit", "-alias", "tomcat"],
                   check=True, capture_output=True)
    return folder.absolute()


def ask_embedded(probes, mode, scratch):
    """{name: answer}"""
    upload = random.Random(7).randbytes(4 << 20)
    found = {f"/{size}.bin": probes.get(f"/{size}.bin") for size in SIZES[mode]}
    found["a range"] = probes.get("/100000.bin", "Range: bytes=1000-2999")
    found["the last bytes"] = probes.get("/20000000.bin", "Range: bytes=-5000")
    found["a range beyond the end"] = probes.get("/4096.bin", "Range: bytes=5000-")
    found["not modified"] = probes.get("/4096.bin", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT")
    found["not there"] = probes.get("/no-such-file")
    found["a servlet"] = probes.get("/hello?name=world")
    found["an asynchronous servlet"] = probes.get("/async?ms=100")
    found["gzip"] = probes.get("/text.txt", "Accept-Encoding: gzip")
    found["an upload"] = probes.upload("/digest", upload)
    names = [f"/hello?name={number}" for number in range(40)]
    found["pipelined"] = probes.pipelined([*names, "/100000.bin", *names])
    found["kept alive"] = probes.kept_alive([*names, "/4096.bin"])
    found["WebSocket"] = probes.websocket_echo("/echo", ["hello", "x" * 5000, b"\0\1" * 4000])
    found["HTTP/2"] = probes.curl("--http2-prior-knowledge", tls=False)
    found["HTTP/2, 20 MB"] = probes.curl("--http2-prior-knowledge", path="/20000000.bin", tls=False)
    found["HTTP/2 over TLS"] = probes.curl("--http2")
    found["HTTP/1.1 over TLS, 20 MB"] = probes.curl("--http1.1", path="/20000000.bin")
    found["the certificate"] = probes.certificate()
    found["TLS sessions"] = probes.tls_session(scratch)
    return found


def graceful_end(vm, probes):
    """A request under way when SIGTERM comes is answered; then the program ends as on the host."""
    with socket.create_connection((probes.address, probes.port), 60) as connection:
        connection.sendall(request("/async?ms=3000", headers=("Connection: close",)))
        time.sleep(1)
        vm.process.send_signal(signal.SIGTERM)
        with connection.makefile("rb") as stream:
            answer = stream.read()
    if b"after a while" not in answer:
        raise Failure(f"a request under way was not answered at the end: {answer!r}")
    if vm.finish() != 143:
        raise Failure(f"SIGTERM gave {vm.process.returncode}, not 143")
    vm.line("stopped")


def embedded(jdk, mode):
    folder = build_embedded(mode)
    ports = free_port(4)
    program = ["-cp", "classes:lib/*", "EmbeddedTomcat"]
    with on_host([f"{jdk}/bin/java", *program, str(ports), str(ports + 1)], folder, ports):
        wanted = ask_embedded(Probes("127.0.0.1", ports, ports + 1), mode, folder)
    words = ["--jdk", jdk, "-c", "2", "-m", "1024", "--dir", str(folder), *program, str(ports + 2), str(ports + 3)]
    with Vm(words, START_TIMEOUT) as vm:
        try:
            vm.published(ports + 2)
            vm.published(ports + 3)
            probes = Probes("127.0.0.1", ports + 2, ports + 3)
            # At once, and by the other family.
            want_equal("a servlet", wanted["a servlet"], probes.get("/hello?name=world"))
            if has_ipv6():
                six = Probes("::1", ports + 2, ports + 3)
                want_equal("a file by ::1", wanted["/20000000.bin"], six.get("/20000000.bin"))
            got = ask_embedded(probes, mode, folder)
            for name, answer in wanted.items():
                want_equal(name, answer, got[name])
            graceful_end(vm, probes)
        except (Failure, OSError, ValueError, subprocess.SubprocessError) as problem:
            return f"{type(problem).__name__}: {problem}\n{vm.evidence()}"
    return ""


# --- The distribution -----------------------------------------------------------------------------

BOOTSTRAP = ["-cp", "bin/bootstrap.jar:bin/tomcat-juli.jar"]
START = ["org.apache.catalina.startup.Bootstrap", "start"]
PAGES = ("/", "/tomcat.svg", "/docs/", "/docs/images/tomcat.png", "/examples/servlets/servlet/HelloWorldExample",
         "/examples/jsp/jsp2/el/basic-arithmetic.jsp", "/no/such/page")


def ask_distribution(probes):
    found = {page: probes.get(page) for page in PAGES}
    found["WebSocket"] = probes.websocket_echo("/examples/websocket/echoProgrammatic", ["one", "two" * 300, b"\1\2\3"])
    found["many at once"] = in_parallel(lambda: probes.get("/docs/"), 20)
    return found


def in_parallel(work, count):
    answers = [None] * count

    def one(index):
        answers[index] = work()

    threads = [threading.Thread(target=one, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def open_to_all(folder):
    """Examples and documentation answer clients on their own machine's loopback only, and to a VM its clients are
    its router. That one restriction goes, on both sides; all else is as it was packed."""
    for name in ("examples", "docs"):
        settings = folder / f"webapps/{name}/META-INF/context.xml"
        settings.write_text(re.sub(r"<Valve [^>]*/>", "", settings.read_text()))


def host_copy(original, port, shutdown):
    """The distribution with other ports than those that the VM's has: its own may be the VM's on the host."""
    copy = PLACE / "host"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(original, copy)
    settings = copy / "conf/server.xml"
    settings.write_text(settings.read_text().replace('port="8080"', f'port="{port}"')
                        .replace('port="8005"', f'port="{shutdown}"'))
    return copy.absolute()


def distribution(jdk, _):
    shutil.rmtree(PLACE / "distribution", ignore_errors=True)
    original = artifacts.unpack_distribution(PLACE / "distribution").absolute()
    open_to_all(original)
    port = free_port(2)
    copy = host_copy(original, port, port + 1)
    with on_host([f"{jdk}/bin/java", "-Dcatalina.home=.", *BOOTSTRAP, *START], copy, port):
        wanted = ask_distribution(Probes("127.0.0.1", port))
    words = ["--jdk", jdk, "-c", "2", "-m", "1024", "--dir", str(original), *BOOTSTRAP, "-J", "-Dcatalina.home=.",
             *START]
    with Vm(words, START_TIMEOUT) as vm:
        try:
            # By default it is 8080; another number where this host has that already.
            probes = Probes("127.0.0.1", vm.published(8080)["port"])
            vm.said("Server startup in")  # it accepts what comes before, and answers it now
            got = ask_distribution(probes)
            for name, answer in wanted.items():
                want_equal(name, answer, got[name])
            # The shutdown port is bound to the VM's loopback.
            vm.event("refused", guestPort=8005)
            vm.process.send_signal(signal.SIGTERM)
            if vm.finish() != 143:
                raise Failure(f"SIGTERM gave {vm.process.returncode}, not 143")
            vm.event("withdrawn", guestPort=8080)
        except (Failure, OSError, ValueError, subprocess.SubprocessError) as problem:
            return f"{type(problem).__name__}: {problem}\n{vm.evidence()}"
    return ""


CASES = (  # title, JDK, test, when
    ("embedded Tomcat", 17, embedded, "test"),
    ("embedded Tomcat", 25, embedded, "soak"),
    # Three minutes each, and one run of six stood still (docs/STATUS.md): not yet what every change waits for.
    ("Tomcat's distribution", 25, distribution, "soak"),
    ("Tomcat's distribution", 17, distribution, "soak"),
)


def tomcat(results, options):
    if missing_moka():
        results.failed("Tomcat", missing_moka())
        return
    chosen = [case for case in CASES if options.only_case in f"{case[0]}, jdk {case[1]}"
              and (case[3] == "test" or options.mode == "soak")]
    absent = artifacts.TOMCAT.fetch() if chosen else ""
    PLACE.mkdir(parents=True, exist_ok=True)
    for title, feature, test, _ in chosen:
        title = f"{title}, jdk {feature}"
        if absent or jdks.find(feature) is None:
            results.skipped(title, absent or jdks.reason_for_absence(feature))
            continue
        start = time.monotonic()
        try:
            problem = test(jdks.find(feature), options.mode)
        except Failure as failure:
            problem = str(failure)
        results.check(title, problem, time.monotonic() - start)
