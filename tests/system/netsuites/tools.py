# SPDX-License-Identifier: Apache-2.0
"""Other people's tools as clients of a server in a VM, and iperf3 on both sides."""

import contextlib
import hashlib
import json
import re
import shutil
import subprocess

from system.network_vm import Failure, Vm, free_port

TIMEOUT = 300
IPERF = shutil.which("iperf3")
REQUESTS = 400
MEGABYTES = 16


def run(*command, data=b"", patience=TIMEOUT):
    done = subprocess.run(command, input=data, capture_output=True, timeout=patience)
    return done.returncode, done.stdout, done.stderr


def compact(done):
    status, out, err = done
    return status, len(out), hashlib.sha256(out).hexdigest()[:16], err.decode(errors="replace")[-200:]


# --- Web clients ----------------------------------------------------------------------------------

def curl(*words):
    return compact(run("curl", "-sS", "-k", "--max-time", str(TIMEOUT), "-w", "|%{http_version} %{http_code}", *words))


def h2load(*words):
    """How many requests succeeded, failed and got 2xx: no figures of speed."""
    status, out, err = run("h2load", "-n", str(REQUESTS), "-c", "8", *words)
    kept = re.findall(rb"^(?:requests|status codes): .*$", out, re.M)
    return status, [re.sub(rb"\d+ started, ", b"", line) for line in kept], err[-200:]


def wrk(url):
    """Whether there were answers, and which of them were wrong."""
    status, out, err = run("wrk", "-t", "2", "-c", "16", "-d", "3s", "--timeout", "60s", url)
    count = re.search(rb"(\d+) requests in", out)
    wrong = re.findall(rb"^ *(?:Socket errors|Non-2xx).*$", out, re.M)
    return status, bool(count and int(count[1]) > 0), wrong, err[-200:]


def openssl(port, folder):
    """Protocol, cipher, and whether a second connection resumes the session of the first; what was answered."""
    ticket = folder / f"session-{port}.pem"
    ask = b"GET /bytes/10 HTTP/1.1\r\nHost: tools.test\r\nConnection: close\r\n\r\n"
    found = []
    for keep in ("-sess_out", "-sess_in"):
        _, out, _ = run("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_3", "-ign_eof",
                        keep, str(ticket), data=ask)
        session = re.search(rb"^(New|Reused), (TLSv[\d.]+), Cipher is (\S+)", out, re.M)
        found.append((session and session.groups(), re.findall(rb"^HTTP/1\.1 \d+.*$", out, re.M)))
    return found


def ask(port, folder):
    """{what was asked: answer} of Jetty at that port and, by TLS, the next one."""
    clear, secure = f"http://127.0.0.1:{port}", f"https://127.0.0.1:{port + 1}"
    upload = folder / "upload.bin"
    upload.write_bytes(bytes(range(256)) * 16384)
    found = {}
    for size in (0, 1, 1460, 1_000_003):
        found[f"curl, {size}"] = curl(f"{clear}/bytes/{size}")
    found["curl, HTTP/2"] = curl("--http2-prior-knowledge", f"{clear}/bytes/1000003")
    # What comes together with the answer to the upgrade must fit curl's buffer of 32 KiB, on the host as well.
    found["curl, HTTP/2 by upgrade"] = curl("--http2", f"{clear}/bytes/20000")
    found["curl, HTTP/2 by TLS"] = curl("--http2", f"{secure}/bytes/1000003")
    found["curl, HTTP/1.1 by TLS"] = curl("--http1.1", f"{secure}/bytes/1000003")
    found["curl, 4 MB up and back"] = curl("--data-binary", f"@{upload}", f"{clear}/echo")
    found["curl, many on one connection"] = curl(*[f"{clear}/bytes/{size}" for size in range(0, 3000, 100)])
    found["nghttp"] = compact(run("nghttp", "-t", str(TIMEOUT), f"{clear}/bytes/300000"))
    found["nghttp, TLS"] = compact(run("nghttp", "-t", str(TIMEOUT), f"{secure}/bytes/300000"))
    found["h2load"] = h2load("-m", "10", f"{clear}/bytes/2000")
    found["h2load, HTTP/1.1"] = h2load("--h1", f"{clear}/bytes/2000")
    found["h2load, TLS"] = h2load("-m", "10", f"{secure}/bytes/2000")
    found["wrk"] = wrk(f"{clear}/bytes/1000")
    found["openssl"] = openssl(port + 1, folder)
    return found


def check_capture(capture, port):
    """tcpdump reads the whole of what `moka --pcap` wrote, and finds conversations from their first packet on."""
    status, out, err = run("tcpdump", "-nn", "-vv", "-r", str(capture))
    if status != 0 or b"truncated" in err:
        raise Failure(f"tcpdump says {err.decode()[-300:]}")
    text = out.decode(errors="replace")
    # The device makes no checksums in user networking, so all of them are the VM's own.
    for wrong in ("bad cksum", "incorrect", "[|"):
        if wrong in text:
            line = next(line for line in text.splitlines() if wrong in line)
            raise Failure(f"tcpdump finds {line}")
    for flags in ("tcp-syn", "tcp-fin", "tcp-push"):
        _, some, _ = run("tcpdump", "-nn", "-c", "1", "-r", str(capture),
                         f"host 10.0.2.15 and tcp port {port} and tcp[tcpflags] & {flags} != 0")
        if not some:
            raise Failure(f"no {flags} in the capture")


# --- iperf3 ---------------------------------------------------------------------------------------

def totals(output):
    """(bytes sent, bytes received) of a client's report."""
    report = json.loads(output)
    if "error" in report:
        raise Failure(f"iperf3: {report['error']}")
    end = report["end"]
    return end["sum_sent"]["bytes"], end["sum_received"]["bytes"]


def want_all(what, output):
    sent, received = totals(output)
    if sent < MEGABYTES << 20 or received == 0:
        raise Failure(f"{what}: {sent} bytes sent, {received} received")


def iperf3(_):
    """The guest as server and as client, each way and both at once; sums only, no speed."""
    if not IPERF:
        return "iperf3 is not installed (Debian: iperf3)"
    port = free_port(2)
    amount = ["-n", f"{MEGABYTES}M", "--json"]
    for what, words in (("to the VM", []), ("from the VM", ["-R"]), ("four streams", ["-P", "4"])):
        with Vm(["-m", "256", "-p", f"{port}:5201", IPERF, "-s", "-1"]) as vm:
            try:
                vm.published(5201)
                status, out, err = run(IPERF, "-c", "127.0.0.1", "-p", str(port), *amount, *words)
                if status != 0:
                    raise Failure(f"status {status}: {(err or out).decode()[-500:]}")
                want_all(what, out)
                if vm.wait_for_end() != 0:
                    raise Failure(f"the server ended with {vm.process.returncode}")
            except (Failure, OSError, ValueError, subprocess.SubprocessError) as problem:
                return f"{what}: {type(problem).__name__}: {problem}\n{vm.evidence()}"
    return iperf3_client(port + 1, amount)


def iperf3_client(port, amount):
    server = subprocess.Popen([IPERF, "-s", "-p", str(port)], stdout=subprocess.DEVNULL)
    try:
        for what, words in (("from the VM's client", []), ("to the VM's client", ["-R"]), ("both ways", ["--bidir"]),
                            ("datagrams", ["-u", "-b", "100M", "-l", "1400"])):
            with Vm(["-m", "256", IPERF, "-c", "10.0.2.2", "-p", str(port), *amount, *words], TIMEOUT) as vm:
                try:
                    if vm.wait_for_end() != 0:
                        raise Failure(f"the client ended with {vm.process.returncode}")
                    want_all(what, "\n".join(vm.lines))
                except (Failure, ValueError) as problem:
                    return f"{what}: {problem}\n{vm.evidence()}"
    finally:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(10)
    return ""
