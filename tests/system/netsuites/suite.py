# SPDX-License-Identifier: Apache-2.0
"""Network libraries from Maven Central, and the JDK's own, as servers and clients (tests/system/java/netsuites):
within a VM, from a VM to the host and from the host to a VM. What they say must be what they say on the host."""

import contextlib
import pathlib
import shutil
import subprocess
import time

from system import artifacts, jdks, network_namespace
from system.netsuites import names, tools
from system.network_vm import Failure, Vm, free_port
from system.system import difference, missing_moka

PLACE = pathlib.Path("build/tests/netsuites")
PATIENCE = 600
PROGRAM = ["-cp", "classes:lib/*", "NetSuites"]
HOST = "10.0.2.2"  # as the VM sees it
# Ports that a library's server has from the one it is told, and which of them are for datagrams.
PORTS = {"jdk": (2, ()), "jetty": (2, ()), "grpc": (2, ()), "netty": (8, (3, 7)), "datagrams": (1, (0,))}


def build():
    """The programs, their libraries and a certificate in a folder, for both sides."""
    shutil.rmtree(PLACE, ignore_errors=True)
    artifacts.NETWORK_LIBRARIES.link(PLACE / "lib")
    sources = sorted(map(str, pathlib.Path("tests/system/java/netsuites").glob("*.java")))
    subprocess.run(["javac", "--release", "17", "-Xlint:all,-processing,-options,-classfile", "-Werror", "-proc:none",
                    "-cp", f"{PLACE}/lib/*", "-d", str(PLACE / "classes"), *sources], check=True)
    subprocess.run(["keytool", "-genkeypair", "-keyalg", "EC", "-dname", "CN=netsuites.test", "-validity", "365",
                    "-keystore", str(PLACE / "keystore.p12"), "-storepass", "changeit", "-alias", "netsuites"],
                   check=True, capture_output=True)


class HostProgram:
    """NetSuites as a process of the host, in the words that `prefix` puts before it."""

    def __init__(self, jdk, words, prefix=()):
        self.command = [*prefix, f"{jdk}/bin/java", *PROGRAM, *words]

    def __enter__(self):
        self.log = open(PLACE / "host.log", "ab")
        self.process = subprocess.Popen(self.command, cwd=PLACE, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True, start_new_session=True)
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def until(self, beginning):
        """The lines up to the one that begins so, without that."""
        lines = []
        for line in self.process.stdout:
            if line.startswith(beginning):
                return lines
            lines.append(line.rstrip("\n"))
        raise Failure(f"{' '.join(self.command)} ended with {self.process.wait()} before {beginning!r}")


def on_host(jdk, words, prefix=()):
    """Everything that NetSuites says on the host, and its status."""
    done = subprocess.run([*prefix, f"{jdk}/bin/java", *PROGRAM, *words], cwd=PLACE, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, said(done.stdout.splitlines())


def said(lines):
    return [line for line in lines if not line.startswith("done ")]


def want_same(what, host, vm):
    if host != vm:
        raise Failure(difference(what, "\n".join(host).encode(), "\n".join(vm).encode()))


def lines_between(lines, first, last):
    """Those after the line `first` (from the start, where it is "") and before the next line `last`."""
    start = lines.index(first) + 1 if first else 0
    return lines[start:lines.index(last, start)]


def vm_words(jdk, *options):
    return ["--jdk", jdk, "-c", "2", "-m", "768", "--dir", str(PLACE.absolute()), *options, "-J",
            "-XX:+ErrorFileToStdout", *PROGRAM]


# --- Libraries as servers and clients -----------------------------------------------------------------

def library(name, has_own=False):
    """A test of the library: alone (where it has something to do on its own), VM to host, VM to itself, host to VM."""
    def test(jdk):
        count, datagrams = PORTS[name]
        first = free_port(2 * count)
        second = first + count
        alone = ["alone"] if has_own else []
        forwards = [word for offset in datagrams for word in ("-p", f"{second + offset}:{second + offset}/udp")]
        with contextlib.ExitStack() as stack:
            own = []
            if has_own:
                # In a machine like the VM, since some of it is about the network card.
                prefix = stack.enter_context(network_namespace.like_the_vm())
                status, own = on_host(jdk, [name, "alone"], prefix)
                if status != 0:
                    raise Failure(f"status {status} on the host")
            host = stack.enter_context(HostProgram(jdk, [name, f"serve={first}", f"ask=127.0.0.1@{first}", "wait"]))
            host.until("done serve")
            wanted = host.until("done ask")
            vm = stack.enter_context(Vm([*vm_words(jdk, *forwards), name, *alone, f"ask={HOST}@{first}",
                                         f"serve={second}", f"ask=127.0.0.1@{second}", "wait"], PATIENCE))
            try:
                return compare(vm, jdk, name, second, own, wanted)
            except (Failure, OSError, ValueError, subprocess.SubprocessError) as problem:
                return f"{type(problem).__name__}: {problem}\n{vm.evidence()}"
    return test


def compare(vm, jdk, name, port, own, wanted):
    vm.line("done serve")
    vm.wait_for_lines(lambda lines: lines.count("done ask") == 2, "the VM's second round")
    lines = list(vm.lines)
    if own:
        want_same("alone", own, lines_between(lines, "", "done alone"))
    want_same("VM to host", wanted, lines_between(lines, "done alone" if own else "", "done ask"))
    want_same("VM to itself", wanted, lines_between(lines, "done serve", "done ask"))
    want_published(vm, name, port)
    status, got = on_host(jdk, [name, f"ask=127.0.0.1@{port}"])
    want_same("host to VM", wanted, got)
    if status != 0 or vm.finish() != 0:
        raise Failure(f"ended with {status} on the host, {vm.process.returncode} in the VM")
    return ""


def want_published(vm, name, port):
    count, _ = PORTS[name]
    for offset in range(count):
        vm.published(port + offset)


# --- What concerns one machine only -------------------------------------------------------------------

def interfaces(jdk):
    with network_namespace.like_the_vm() as prefix:
        status, wanted = on_host(jdk, ["interfaces", "alone"], prefix)
    with Vm([*vm_words(jdk), "interfaces", "alone"], PATIENCE) as vm:
        try:
            vm.line("done alone")
            want_same("interfaces", wanted, said(vm.lines))
            if status != 0 or vm.finish() != 0:
                raise Failure(f"ended with {status} on the host, {vm.process.returncode} in the VM")
        except Failure as problem:
            return f"{problem}\n{vm.evidence()}"
    return ""


def resolver(jdk):
    """A name server of ours at port 53 of a namespace with nothing else, where the VM runs, too."""
    with contextlib.ExitStack() as stack:
        machine = stack.enter_context(network_namespace.namespace("names"))
        stack.enter_context(names.serving(machine))
        prefix = stack.enter_context(network_namespace.with_name_server(machine, "127.0.0.1"))
        status, wanted = on_host(jdk, ["resolver", "ask=127.0.0.1@53"], prefix)
        if status != 0:
            raise Failure(f"status {status} on the host")
        # In the VM the same server is at its router's address, where QEMU passes both protocols on.
        vm = stack.enter_context(Vm([*vm_words(jdk, "--dns", HOST), "resolver", f"ask={HOST}@53"], PATIENCE,
                                    ["ip", "netns", "exec", machine]))
        try:
            vm.line("done ask")
            want_same("names", wanted, said(vm.lines))
            if vm.finish() != 0:
                raise Failure(f"ended with {vm.process.returncode} in the VM")
        except Failure as problem:
            return f"{problem}\n{vm.evidence()}"
    return ""


def clients(jdk):
    """Everybody's tools as clients of Jetty."""
    first = free_port(4)
    second = first + 2
    capture = PLACE / "capture.pcap"
    with contextlib.ExitStack() as stack:
        host = stack.enter_context(HostProgram(jdk, ["jetty", f"serve={first}", "wait"]))
        host.until("done serve")
        vm = stack.enter_context(Vm([*vm_words(jdk, "--pcap", str(capture)), "jetty", f"serve={second}", "wait"],
                                    PATIENCE))
        try:
            vm.line("done serve")
            want_published(vm, "jetty", second)
            wanted, got = tools.ask(first, PLACE), tools.ask(second, PLACE)
            for name, answer in wanted.items():
                if answer != got[name]:
                    raise Failure(f"{name} differs:\n  host: {answer}\n  vm:   {got[name]}")
            if vm.finish() != 0:
                raise Failure(f"ended with {vm.process.returncode}")
            tools.check_capture(capture, second)
        except (Failure, OSError, subprocess.SubprocessError) as problem:
            return f"{type(problem).__name__}: {problem}\n{vm.evidence()}"
    return ""


CASES = (  # title, JDK, test, needs namespaces, when
    ("Netty", 17, library("netty", has_own=True), True, "test"),
    ("Netty", 25, library("netty", has_own=True), True, "soak"),
    ("gRPC", 25, library("grpc"), False, "test"),
    ("gRPC", 17, library("grpc"), False, "soak"),
    ("Jetty and the JDK's client", 17, library("jetty"), False, "soak"),
    ("Jetty and the JDK's client", 25, library("jetty"), False, "soak"),
    ("the JDK's server and client", 17, library("jdk"), False, "soak"),
    ("the JDK's server and client", 25, library("jdk"), False, "soak"),
    ("datagrams and groups", 25, library("datagrams", has_own=True), True, "test"),
    ("datagrams and groups", 17, library("datagrams", has_own=True), True, "soak"),
    ("interfaces", 17, interfaces, True, "test"),
    ("interfaces", 25, interfaces, True, "soak"),
    ("names", 17, resolver, True, "test"),
    ("names", 25, resolver, True, "soak"),
    ("curl, nghttp, h2load, wrk, openssl, tcpdump", 25, clients, False, "test"),
    ("iperf3", 0, tools.iperf3, False, "test"),
)


def reason_to_skip(feature, needs_namespaces, absent):
    if feature != 0 and (absent or jdks.find(feature) is None):
        return absent or jdks.reason_for_absence(feature)
    return network_namespace.reason_for_absence() if needs_namespaces else ""


def netsuites(results, options):
    if missing_moka():
        results.failed("network libraries", missing_moka())
        return
    chosen = [case for case in CASES if options.only_case in f"{case[0]}, jdk {case[1]}"
              and (case[4] == "test" or options.mode == "soak")]
    absent = artifacts.NETWORK_LIBRARIES.fetch() if chosen else ""
    if chosen and not absent:
        build()
    for title, feature, test, needs_namespaces, _ in chosen:
        title = f"{title}, jdk {feature}" if feature else title
        reason = reason_to_skip(feature, needs_namespaces, absent)
        if reason:
            results.skipped(title, reason)
            continue
        start = time.monotonic()
        try:
            problem = test(jdks.find(feature))
        except Failure as failure:
            problem = str(failure)
        results.check(title, problem, time.monotonic() - start)
