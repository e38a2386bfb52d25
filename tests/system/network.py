# SPDX-License-Identifier: Apache-2.0
"""The network by `moka run` as its user sees it: which ports appear on the host and when, and that what is
behind them answers at once and byte by byte."""

import contextlib
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import tempfile
import threading
import time

from system import jdks
from system.network_vm import Failure, Vm, free_port, has_ipv6, hold_port
from system.system import missing_moka

JAR = "build/tests/system/network.jar"
NO_BIND = ["setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service", "--"]


def want(condition, problem):
    if not condition:
        raise Failure(problem)


# --- Ports ----------------------------------------------------------------------------------------

def echo(address, port, data):
    """What an echo service gives back after the end of what it was sent."""
    with socket.create_connection((address, port), 20) as connection:
        sender = threading.Thread(target=lambda: (connection.sendall(data), connection.shutdown(socket.SHUT_WR)))
        sender.start()
        back = b""
        while chunk := connection.recv(65536):
            back += chunk
        sender.join()
        return back


def echo_datagram(port, data):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(2)
        for _ in range(5):  # a datagram may be lost
            client.sendto(data, ("127.0.0.1", port))
            with contextlib.suppress(TimeoutError):
                return client.recv(2048)
    return b""


def refuses(address, port):
    try:
        socket.create_connection((address, port), 5).close()
    except ConnectionRefusedError:
        return True
    return False


def same_number_on_both_loopbacks(vm, port):
    vm.tell(f"tcp first * {port}")
    event = vm.published(port)
    want(event["port"] == port and not event["reason"], f"not at its own number: {event}")
    want(echo("127.0.0.1", port, b"hello") == b"hello", "no echo at 127.0.0.1")
    large = random.Random(1).randbytes(3_000_000)
    want(echo("127.0.0.1", port, large) == large, "3 MB came back changed")
    if has_ipv6():
        vm.published(port, "::1")
        want(echo("::1", port, large) == large, "3 MB came back changed from ::1")


def many_at_once(vm, port):
    """Clients come while QEMU is busy with something else: none of them is lost."""
    qemu = int(pathlib.Path(f"/proc/{vm.process.pid}/task/{vm.process.pid}/children").read_text().split()[0])
    with contextlib.ExitStack() as stack:
        os.kill(qemu, signal.SIGSTOP)
        try:
            clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 5)) for _ in range(100)]
            for number, client in enumerate(clients):
                client.sendall(str(number).encode())
                client.shutdown(socket.SHUT_WR)
        finally:
            os.kill(qemu, signal.SIGCONT)
        for number, client in enumerate(clients):
            client.settimeout(60)
            back = b"".join(iter(lambda client=client: client.recv(100), b""))
            want(back == str(number).encode(), f"client {number} of 100 got {back!r}")


def next_free_number(vm, port):
    with contextlib.ExitStack() as stack:
        hold_port(port, stack)
        vm.tell(f"tcp second * {port}")
        event = vm.published(port)
        want(event["port"] == port + 1 and "taken" in event["reason"], f"not at the next number: {event}")
        want(echo("127.0.0.1", port + 1, b"x") == b"x", "no echo at the next number")


def stays_inside(vm, guest_port):
    vm.tell(f"tcp third 127.0.0.1 {guest_port}")
    vm.line("ok third")
    vm.event("refused", guestPort=guest_port)
    want(refuses("127.0.0.1", guest_port), "a loopback listener is on the host")


def named_ports(vm, tcp, udp):
    """Guest 9009 on its loopback, guest 9053 by UDP."""
    vm.tell("tcp fourth 127.0.0.1 9009")
    want(vm.published(9009)["port"] == tcp, "-p was not followed")
    want(echo("127.0.0.1", tcp, b"named") == b"named", "no echo from the loopback listener that -p names")
    vm.tell("udp fifth * 9053")
    event = vm.event("published", guestPort=9053)
    want(event["protocol"] == "udp" and event["port"] == udp, f"-p was not followed: {event}")
    want(echo_datagram(udp, b"datagram") == b"datagram", "no echo of a datagram")


def withdrawn_and_back(vm, port):
    vm.tell("close first")
    vm.event("withdrawn", guestPort=port)
    deadline = time.monotonic() + 10
    while not refuses("127.0.0.1", port) and time.monotonic() < deadline:
        time.sleep(0.05)  # QEMU closes it a moment after it is said
    want(refuses("127.0.0.1", port), "still open after its listener was closed")
    after = len(vm.events)
    vm.tell(f"tcp first * {port}")
    want(vm.published(port, after=after)["port"] == port, "not at its number again")
    want(echo("127.0.0.1", port, b"again") == b"again", "no echo after it came back")


def ports(jdk):
    first = free_port(8)
    tcp, udp, debugger = first + 5, first + 6, first + 7
    words = ["--jdk", jdk, "-c", "2", "-m", "512", "-p", f"{tcp}:9009", "-p", f"{udp}:9053/udp",
             "-J", f"-agentlib:jdwp=transport=dt_socket,server=y,suspend=n,address=*:{debugger}",
             "-cp", JAR, "Listeners"]
    with Vm(words) as vm:
        try:
            same_number_on_both_loopbacks(vm, first)
            many_at_once(vm, first)
            next_free_number(vm, first + 1)
            stays_inside(vm, first + 3)
            named_ports(vm, tcp, udp)
            vm.event("refused", guestPort=debugger)
            want(refuses("127.0.0.1", debugger), "the debugger is on the host")
            withdrawn_and_back(vm, first)
            want(vm.finish() == 0, f"ended with {vm.process.returncode}")
        except (Failure, OSError) as problem:
            return f"{type(problem).__name__}: {problem}\n{vm.evidence()}"
    return ""


def low_port(jdk):
    """Without the right to have them, ports below 1024 appear 8000 higher."""
    with Vm(["--jdk", jdk, "-c", "1", "-m", "256", "-cp", JAR, "Listeners"], prefix=NO_BIND) as vm:
        try:
            vm.tell("tcp low * 81")
            event = vm.published(81)
            want(event["port"] >= 8081 and "privilege" in event["reason"], f"not 8000 higher: {event}")
            want(echo("127.0.0.1", event["port"], b"low") == b"low", "no echo")
        except (Failure, OSError) as problem:
            return f"{type(problem).__name__}: {problem}\n{vm.evidence()}"
    return ""


# --- Sends ----------------------------------------------------------------------------------------

def short_sends(jdk):
    """What a send had no room for keeps nothing back of what it had."""
    port = free_port()
    with Vm(["--jdk", jdk, "-c", "1", "-m", "256", "-cp", JAR, "ShortSends", str(port)]) as vm:
        try:
            vm.published(port)
            took = []
            with socket.create_connection(("127.0.0.1", port), 20) as connection:
                for turn in range(15):
                    begin = time.monotonic()
                    connection.sendall(b"!")
                    left = int(vm.line("sent ", turn).split()[1])
                    want(0 < left < 1_000_000, f"{left} bytes were taken")
                    while left:
                        chunk = connection.recv(min(left, 65536))
                        want(chunk, f"the connection ended {left} bytes early")
                        left -= len(chunk)
                    took.append(time.monotonic() - begin)
            # Bytes that are held back for more to come wait for up to 100 ms.
            want(sorted(took)[7] < 0.05, f"the end comes late: {took}")
            want(vm.finish() == 0, f"ended with {vm.process.returncode}")
        except (Failure, OSError) as problem:
            return f"{type(problem).__name__}: {problem}\n{vm.evidence()}"
    return ""


def held_sends(_):
    """What is written with more to follow goes out where nothing can follow: there is no room, or TCP_NODELAY says so."""
    port = free_port()
    with Vm(["-c", "1", "-m", "128", "build/tests/guest/held_sends", str(port)]) as vm:
        try:
            vm.published(port)
            with socket.create_connection(("127.0.0.1", port), 20) as connection:
                for turn, order in enumerate("mcnmcn"):
                    connection.sendall(order.encode())
                    words = vm.line("sent ", turn)
                    left = int(words.split()[1].rstrip(","))
                    want(words.endswith("held 10 and 0" if order == "n" else "held 0"), f"order {order}: {words}")
                    want(0 < left < 1_000_000, f"{left} bytes were taken")
                    while left:
                        chunk = connection.recv(min(left, 65536))
                        want(chunk, f"the connection ended {left} bytes early")
                        left -= len(chunk)
                    connection.sendall(b".")
            want(vm.finish() == 0, f"ended with {vm.process.returncode}")
        except (Failure, OSError) as problem:
            return f"{type(problem).__name__}: {problem}\n{vm.evidence()}"
    return ""


# --- Links ----------------------------------------------------------------------------------------

def set_link(monitor, up):
    """QEMU's set_link for the card that moka gives a VM."""
    def answer():
        while True:
            line = json.loads(monitor.readline())
            if "return" in line or "error" in line:
                return line
    for command in ({"execute": "qmp_capabilities"}, {"execute": "set_link", "arguments": {"name": "network", "up": up}}):
        monitor.write(json.dumps(command) + "\n")
        monitor.flush()
        said = answer()
        want("return" in said or command["execute"] == "qmp_capabilities", f"{command}: {said}")


def link_flaps(_):
    """The cable is pulled and put back: netlink and ioctl say so, and a connection goes on with what was sent meanwhile."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="moka-link-") as folder:
        place = pathlib.Path(folder)
        qemu = place / "qemu"
        qemu.write_text(f"#!/bin/sh\nexec qemu-system-x86_64 \"$@\" -qmp unix:{place}/monitor,server=on,wait=off\n")
        qemu.chmod(0o755)
        with Vm(["-c", "1", "-m", "128", "build/tests/guest/watches_link", str(port)], env={"MOKA_QEMU": str(qemu)}) as vm:
            try:
                vm.published(port)
                with socket.create_connection(("127.0.0.1", port), 60) as client, socket.socket(socket.AF_UNIX) as control:
                    client.sendall(b"before")
                    want(client.recv(64) == b"before", "no echo")
                    control.connect(str(place / "monitor"))
                    at_start = sum("carrier 1" in line for line in vm.lines)  # told while the VM started
                    with control.makefile("rw") as monitor:
                        for turn in range(3):
                            text = b"meanwhile %d" % turn
                            set_link(monitor, False)
                            vm.line("eth0: carrier 0, up 1, running 0", turn)
                            client.sendall(text)
                            set_link(monitor, True)
                            vm.line("eth0: carrier 1, up 1, running 1", at_start + turn)
                            back = b""
                            while len(back) < len(text) and (chunk := client.recv(64)):
                                back += chunk
                            want(back == text, f"came back: {back}")
                want(vm.finish() == 0, f"ended with {vm.process.returncode}")
            except (Failure, OSError) as problem:
                return f"{type(problem).__name__}: {problem}\n{vm.evidence()}"
    return ""


# --- The JDK's own server and client --------------------------------------------------------------

def get(port, path, address="127.0.0.1"):
    connection = http.client.HTTPConnection(address, port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


@contextlib.contextmanager
def host_service(body):
    """A server on the host's loopback, which the VM reaches at its router's address."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def same_as_host(jdk, port, paths):
    """Answers of the same program on the host."""
    host = subprocess.Popen([f"{jdk}/bin/java", "-cp", JAR, "WebServer", str(port)])
    try:
        deadline = time.monotonic() + 60
        while refuses("127.0.0.1", port) and time.monotonic() < deadline:
            time.sleep(0.1)
        return {path: get(port, path) for path in paths}
    finally:
        host.terminate()
        host.wait()


def web_server(jdk):
    paths = [f"/bytes?{size}" for size in (0, 1, 1460, 65536, 1_000_003, 8_000_000)]
    port = free_port(2)
    wanted = same_as_host(jdk, port + 1, paths)
    with Vm(["--jdk", jdk, "-c", "2", "-m", "512", "-cp", JAR, "WebServer", str(port)]) as vm:
        try:
            vm.published(port)
            for path in paths:
                want(get(port, path) == wanted[path], f"{path} is not what the host gives")
                if has_ipv6():
                    want(get(port, path, "::1") == wanted[path], f"{path} is not what the host gives, by ::1")
            curl = subprocess.run(["curl", "-sS", "--fail", f"http://localhost:{port}/bytes?65536"],
                                  capture_output=True, timeout=60)
            want(curl.stdout == wanted["/bytes?65536"][1], f"curl: {curl.stderr.decode()}")
            upload = random.Random(2).randbytes(4 << 20)
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            for _ in range(20):  # one connection, kept alive
                connection.request("POST", "/digest", upload[:100_000])
                answer = connection.getresponse().read()
                want(answer.decode() == hashlib.sha256(upload[:100_000]).hexdigest(), "an upload arrived changed")
            connection.request("POST", "/digest", upload)
            want(connection.getresponse().read().decode() == hashlib.sha256(upload).hexdigest(),
                 "an upload of 4 MB arrived changed")
            with host_service(upload) as there:
                want(get(port, f"/fetch?http://10.0.2.2:{there}/")[1] == upload, "the VM's client got something else")
            interfaces = get(port, "/interfaces")[1].decode().splitlines()
            want("lo loopback up" in interfaces and "eth0 up" in interfaces, f"the interfaces are {interfaces}")
            get(port, "/stop")
            want(vm.finish() == 0, f"ended with {vm.process.returncode}")
        except (Failure, OSError, http.client.HTTPException, subprocess.TimeoutExpired) as problem:
            return f"{type(problem).__name__}: {problem}\n{vm.evidence()}"
    return ""


CASES = (  # title, JDK, test, when
    ("published ports", 17, ports, "test"),
    ("published ports", 25, ports, "soak"),
    ("a port below 1024 without privilege", 17, low_port, "test"),
    ("sends without room for all", 17, short_sends, "test"),
    ("sends that are held back", 17, held_sends, "test"),
    ("the link goes and comes", 17, link_flaps, "test"),
    ("the JDK's web server and client", 25, web_server, "test"),
    ("the JDK's web server and client", 17, web_server, "soak"),
)


def network(results, options):
    if missing_moka():
        results.failed("network", missing_moka())
        return
    for title, feature, test, when in CASES:
        title = f"{title}, jdk {feature}"
        if options.only_case not in title or (when == "soak" and options.mode != "soak"):
            continue
        if jdks.find(feature) is None:
            results.skipped(title, jdks.reason_for_absence(feature))
        elif test is low_port and os.geteuid() == 0 and subprocess.run([*NO_BIND, "true"]).returncode != 0:
            results.skipped(title, "setpriv cannot drop the right to low ports here")
        else:
            start = time.monotonic()
            results.check(title, test(jdks.find(feature)), time.monotonic() - start)
