# SPDX-License-Identifier: Apache-2.0
"""Tomcat, embedded in a program and as the distribution comes from Maven Central: asked the same things on the
host and in a VM, with answers compared byte by byte (their hashes)."""

import concurrent.futures
import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import time

from parts.process import stop
from system import artifacts, jdks
from system.network_vm import Failure, Vm, free_port, has_ipv6
from system.system import missing_moka
from system.tomcat.probes import Probes, read_answer, request

PLACE = pathlib.Path("build/tests/tomcat")
START_TIMEOUT = 600
# Sizes around what a segment, a window and a page hold.
SIZES = {"test": (0, 1, 1460, 4096, 100_000, 20_000_000), "soak": (0, 1, 1460, 4096, 100_000, 20_000_000, 1 << 30)}


def want_equal(name, host, vm):
    if host != vm:
        raise Failure(f"{name} differs:\n  host: {str(host)[:1500]}\n  vm:   {str(vm)[:1500]}")


def want_all_equal(wanted, got):
    for name, answer in wanted.items():
        want_equal(name, answer, got[name])


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
        stop(process)
        log.close()


# --- What both ways to run it serve ------------------------------------------------------------------

SOURCES = pathlib.Path("tests/system/java/tomcat")


def build_site(mode, classes, static, keystore):
    """Servlets, pages and static files in new folders, and a certificate."""
    subprocess.run(["javac", "--release", "17", "-proc:none", "-cp", f"{PLACE}/lib/*", "-d", str(classes),
                    *sorted(map(str, SOURCES.glob("*.java")))], check=True)
    static.mkdir(parents=True, exist_ok=True)
    for size in SIZES[mode]:
        with open(static / f"{size}.bin", "wb") as file:
            source = random.Random(size)
            for done in range(0, size, 1 << 24):
                file.write(source.randbytes(min(1 << 24, size - done)))
    (static / "text.txt").write_text("a line of text that compresses well\n" * 1000)  # larger files bypass gzip
    for page in ("page.jsp", "part.txt"):
        shutil.copy(SOURCES / page, static)
    subprocess.run(["keytool", "-genkeypair", "-keyalg", "EC", "-dname", "CN=tomcat.test", "-validity", "365",
                    "-keystore", str(keystore), "-storepass", "changeit", "-alias", "tomcat"],
                   check=True, capture_output=True)


def ask_site(probes, mode, scratch, base=""):
    """{name: answer} of what is below the path `base`."""
    upload = random.Random(7).randbytes(4 << 20)
    found = {f"/{size}.bin": probes.get(f"{base}/{size}.bin") for size in SIZES[mode]}
    largest = max(SIZES[mode])
    found["a range"] = probes.get(f"{base}/100000.bin", "Range: bytes=1000-2999")
    found["two ranges"] = probes.get(f"{base}/100000.bin", "Range: bytes=0-9,50000-50009")[:1]  # a random boundary
    found["in the middle"] = probes.get(f"{base}/{largest}.bin", f"Range: bytes={largest // 2}-{largest // 2 + 70000}")
    found["the last bytes"] = probes.get(f"{base}/{largest}.bin", "Range: bytes=-5000")
    found["a range beyond the end"] = probes.get(f"{base}/4096.bin", "Range: bytes=5000-")
    found["not modified"] = probes.get(f"{base}/4096.bin", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT")
    found["not there"] = probes.get(f"{base}/no-such-file")
    found["a servlet"] = probes.get(f"{base}/hello?name=world")
    found["an asynchronous servlet"] = probes.get(f"{base}/async?ms=100")
    found["a page, compiled"] = probes.get(f"{base}/page.jsp?name=page")
    found["the page again"] = probes.get(f"{base}/page.jsp?name=again")
    found["gzip"] = probes.get(f"{base}/text.txt", "Accept-Encoding: gzip")
    found["an upload"] = probes.upload(f"{base}/digest", upload)
    names = [f"{base}/hello?name={number}" for number in range(40)]
    found["pipelined"] = probes.pipelined([*names, f"{base}/100000.bin", *names])
    found["kept alive"] = probes.kept_alive([*names, f"{base}/4096.bin"])
    found["WebSocket"] = probes.websocket_echo(f"{base}/echo", ["hello", "x" * 5000, b"\0\1" * 4000])
    hello, large = f"{base}/hello?name=curl", f"{base}/20000000.bin"
    found["HTTP/2"] = probes.curl("--http2-prior-knowledge", path=hello, tls=False)
    found["HTTP/2, 20 MB"] = probes.curl("--http2-prior-knowledge", path=large, tls=False)
    found["HTTP/2 over TLS"] = probes.curl("--http2", path=hello)
    found["HTTP/1.1 over TLS, 20 MB"] = probes.curl("--http1.1", path=large)
    found["the certificate"] = probes.certificate()
    found["TLS sessions"] = probes.tls_session(scratch, f"{base}/hello?name=tls")
    return found


def answer_at_the_end(process, probes, base=""):
    """What a request gets that is under way when SIGTERM comes."""
    with socket.create_connection((probes.address, probes.port), 60) as connection:
        connection.sendall(request(f"{base}/async?ms=3000", headers=("Connection: close",)))
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        with connection.makefile("rb") as stream:
            return read_answer(stream)


def end_gracefully(vm, probes, wanted, base=""):
    want_equal("a request under way at the end", wanted, answer_at_the_end(vm.process, probes, base))
    if vm.finish() != 143:
        raise Failure(f"SIGTERM gave {vm.process.returncode}, not 143")


# --- Embedded -------------------------------------------------------------------------------------

def build_embedded(mode):
    """A folder with the program, its libraries, static files and a certificate."""
    folder = PLACE / "embedded"
    shutil.rmtree(folder, ignore_errors=True)
    artifacts.TOMCAT.link(folder / "lib", artifacts.EMBEDDED)
    build_site(mode, folder / "classes", folder / "static", folder / "keystore.p12")
    return folder.absolute()


def embedded(jdk, mode):
    folder = build_embedded(mode)
    ports = free_port(4)
    program = ["-cp", "classes:lib/*", "EmbeddedTomcat"]
    with on_host([f"{jdk}/bin/java", *program, str(ports), str(ports + 1)], folder, ports) as process:
        host = Probes("127.0.0.1", ports, ports + 1)
        wanted = ask_site(host, mode, folder)
        last = answer_at_the_end(process, host)
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
            want_all_equal(wanted, ask_site(probes, mode, folder))
            end_gracefully(vm, probes, last)
            vm.line("stopped")
        except (Failure, OSError, ValueError, subprocess.SubprocessError) as problem:
            return f"{type(problem).__name__}: {problem}\n{vm.evidence()}"
    return ""


# --- The distribution -----------------------------------------------------------------------------

BOOTSTRAP = ["-cp", "bin/bootstrap.jar:bin/tomcat-juli.jar"]
START = ["org.apache.catalina.startup.Bootstrap", "start"]
PAGES = ("/", "/tomcat.svg", "/docs/", "/docs/images/tomcat.png", "/examples/servlets/servlet/HelloWorldExample",
         "/examples/jsp/jsp2/el/basic-arithmetic.jsp", "/no/such/page")
SITE = "/site"
# The two connectors that its server.xml gets: what is served in the clear has more to it, and TLS is there at all.
CONNECTORS = """<Connector port="8080" protocol="HTTP/1.1" connectionTimeout="20000" compression="on">
      <UpgradeProtocol className="org.apache.coyote.http2.Http2Protocol" />
    </Connector>
    <Connector port="8443" protocol="HTTP/1.1" SSLEnabled="true" scheme="https" secure="true" compression="on">
      <UpgradeProtocol className="org.apache.coyote.http2.Http2Protocol" />
      <SSLHostConfig protocols="TLSv1.3">
        <Certificate certificateKeystoreFile="conf/keystore.p12" certificateKeystorePassword="changeit" type="EC" />
      </SSLHostConfig>
    </Connector>"""


def ask_distribution(probes, mode, scratch):
    found = {page: probes.get(page) for page in PAGES}
    found["its WebSocket"] = probes.websocket_echo("/examples/websocket/echoProgrammatic",
                                                   ["one", "two" * 300, b"\1\2\3"])
    found["many at once"] = in_parallel(lambda: probes.get("/docs/"), 20)
    return found | ask_site(probes, mode, scratch, SITE)


def in_parallel(work, count):
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return [answer.result() for answer in [pool.submit(work) for _ in range(count)]]


def build_distribution(mode):
    """The distribution with an application more, TLS, and examples that answer everybody; else as it was packed."""
    shutil.rmtree(PLACE / "distribution", ignore_errors=True)
    folder = artifacts.unpack_distribution(PLACE / "distribution").absolute()
    # Examples and documentation answer clients on their own machine's loopback only, and to a VM its clients are its
    # router.
    for name in ("examples", "docs"):
        settings = folder / f"webapps/{name}/META-INF/context.xml"
        settings.write_text(re.sub(r"<Valve [^>]*/>", "", settings.read_text()))
    site = folder / f"webapps{SITE}"
    build_site(mode, site / "WEB-INF/classes", site, folder / "conf/keystore.p12")
    (site / "WEB-INF/classes/EmbeddedTomcat.class").unlink()
    settings = folder / "conf/server.xml"
    changed, count = re.subn(r'<Connector port="8080"[^>]*/>', CONNECTORS, settings.read_text(), count=1)
    if count != 1:
        raise Failure("the distribution's server.xml is not what it was")
    settings.write_text(changed)
    return folder


def host_copy(original, port, tls_port, shutdown):
    """The distribution with other ports than those that the VM's has: its own may be the VM's on the host."""
    copy = PLACE / "host"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(original, copy, copy_function=os.link)
    settings = copy / "conf/server.xml"
    text = settings.read_text()
    settings.unlink()
    settings.write_text(text.replace('port="8080"', f'port="{port}"').replace('port="8443"', f'port="{tls_port}"')
                        .replace('port="8005"', f'port="{shutdown}"'))
    return copy.absolute()


def distribution(jdk, mode):
    original = build_distribution(mode)
    port = free_port(3)
    copy = host_copy(original, port, port + 1, port + 2)
    with on_host([f"{jdk}/bin/java", "-Dcatalina.home=.", *BOOTSTRAP, *START], copy, port) as process:
        host = Probes("127.0.0.1", port, port + 1)
        wanted = ask_distribution(host, mode, PLACE)
        last = answer_at_the_end(process, host, SITE)
    words = ["--jdk", jdk, "-c", "2", "-m", "1024", "--dir", str(original), *BOOTSTRAP, "-J", "-Dcatalina.home=.",
             *START]
    with Vm(words, START_TIMEOUT) as vm:
        try:
            # By default it is 8080; another number where this host has that already.
            probes = Probes("127.0.0.1", vm.published(8080)["port"], vm.published(8443)["port"])
            vm.said("Server startup in")  # it accepts what comes before, and answers it now
            want_all_equal(wanted, ask_distribution(probes, mode, PLACE))
            # The shutdown port is bound to the VM's loopback.
            vm.event("refused", guestPort=8005)
            end_gracefully(vm, probes, last, SITE)
            vm.event("withdrawn", guestPort=8080)
        except (Failure, OSError, ValueError, subprocess.SubprocessError) as problem:
            return f"{type(problem).__name__}: {problem}\n{vm.evidence()}"
    return ""


CASES = (  # title, JDK, test, when
    ("embedded Tomcat", 17, embedded, "test"),
    ("embedded Tomcat", 25, embedded, "soak"),
    # Three minutes each.
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
    if chosen and not absent:
        shutil.rmtree(PLACE / "lib", ignore_errors=True)
        artifacts.TOMCAT.link(PLACE / "lib", artifacts.EMBEDDED)
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
