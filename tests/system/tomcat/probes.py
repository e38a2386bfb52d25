# SPDX-License-Identifier: Apache-2.0
"""What is asked of a Tomcat, on the host and in a VM alike: each probe gives a value that must be the same
on both. Nothing here knows which side it talks to."""

import base64
import hashlib
import os
import re
import socket
import ssl
import struct
import subprocess

TIMEOUT = 300
# Differs from answer to answer, or with the port.
CHANGING = ("date", "keep-alive")


# --- HTTP/1.1 over a plain socket, so that every byte is seen ---------------------------------------

def parse(head):
    """(status line, {header: value}) of an answer's head."""
    lines = head.decode("latin-1").split("\r\n")
    headers = dict((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:]))
    return lines[0], headers


class Body:
    """What a body was, without keeping it: some have a gigabyte."""

    def __init__(self):
        self.size = 0
        self._sum = hashlib.sha256()

    def take(self, stream, size):
        while size:
            piece = stream.read(min(size, 1 << 20))
            if not piece:
                raise OSError(f"the connection ended in a body, after {self.size} bytes and {size} before its end")
            self._sum.update(piece)
            self.size += len(piece)
            size -= len(piece)

    def digest(self):
        return self._sum.hexdigest()


def read_answer(stream):
    """(status line, headers that must agree, size and digest of the body, chunks taken apart)."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            raise OSError(f"the connection ended in an answer's head: {head[-200:]!r}")
        head += line
    status, headers = parse(head[:-4])
    body = Body()
    if headers.get("transfer-encoding") == "chunked":
        while size := int(stream.readline(), 16):
            body.take(stream, size)
            stream.readline()
        stream.readline()
    elif status.split()[1] not in ("204", "304"):
        body.take(stream, int(headers.get("content-length", 0)))
    if "set-cookie" in headers:
        headers["set-cookie"] = re.sub(r"JSESSIONID=[^;]*", "JSESSIONID=...", headers["set-cookie"])
    return status, {name: value for name, value in headers.items() if name not in CHANGING}, body.size, body.digest()


def request(path, method="GET", headers=(), body=b""):
    lines = [f"{method} {path} HTTP/1.1", "Host: tomcat.test", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Probes:
    def __init__(self, address, port, tls_port=0):
        self.address, self.port, self.tls_port = address, port, tls_port

    def exchange(self, *requests):
        """All requests in one go on one connection, then all answers: pipelining."""
        with socket.create_connection((self.address, self.port), TIMEOUT) as connection:
            connection.sendall(b"".join(requests))
            with connection.makefile("rb") as stream:
                return [read_answer(stream) for _ in requests]

    def get(self, path, *headers):
        return self.exchange(request(path, headers=headers))[0]

    def pipelined(self, paths):
        return self.exchange(*map(request, paths))

    def kept_alive(self, paths):
        """One after the other on one connection."""
        with socket.create_connection((self.address, self.port), TIMEOUT) as connection:
            with connection.makefile("rb") as stream:
                answers = []
                for path in paths:
                    connection.sendall(request(path))
                    answers.append(read_answer(stream))
                return answers

    def upload(self, path, data):
        return self.exchange(request(path, "POST", ("Content-Type: application/octet-stream",), data))[0]

    # --- WebSocket (RFC 6455) -----------------------------------------------------------------------

    def websocket_echo(self, path, messages):
        """What comes back for each message: str as text, bytes as binary."""
        with socket.create_connection((self.address, self.port), TIMEOUT) as connection:
            key = base64.b64encode(b"sixteen bytes ok").decode()
            connection.sendall(request(path, headers=("Upgrade: websocket", "Connection: Upgrade",
                                                      f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13")))
            with connection.makefile("rb") as stream:
                status, headers, *_ = read_answer(stream)
                back = [status, headers.get("sec-websocket-accept")]
                if " 101" not in status:
                    return back + [headers]
                for message in messages:
                    data = message.encode() if isinstance(message, str) else message
                    connection.sendall(masked_frame(1 if isinstance(message, str) else 2, data))
                    back.append(hashlib.sha256(read_message(stream)).hexdigest())
                connection.sendall(masked_frame(8, struct.pack("!H", 1000)))
                back.append(read_message(stream))
                return back

    # --- TLS and HTTP/2, by the tools that everybody has ---------------------------------------------

    def curl(self, *options, path, tls=True):
        scheme, port = ("https", self.tls_port) if tls else ("http", self.port)
        host = f"[{self.address}]" if ":" in self.address else self.address
        done = subprocess.run(["curl", "-sS", "-k", "--max-time", str(TIMEOUT), "-w", "|%{http_version} %{http_code}",
                               *options, f"{scheme}://{host}:{port}{path}"], capture_output=True)
        return done.returncode, len(done.stdout), hashlib.sha256(done.stdout).hexdigest(), done.stdout[-200:], \
            done.stderr.decode()

    def tls_session(self, folder, path):
        """Protocol of a first and a second connection, and whether the second resumed the first's session."""
        ticket = os.path.join(folder, f"session-{self.port}.pem")
        place = ["openssl", "s_client", "-connect", f"{self.address}:{self.tls_port}", "-tls1_3"]
        ask = request(path, headers=("Connection: close",))
        first = subprocess.run([*place, "-ign_eof", "-sess_out", ticket], input=ask, capture_output=True, timeout=TIMEOUT)
        second = subprocess.run([*place, "-ign_eof", "-sess_in", ticket], input=ask, capture_output=True, timeout=TIMEOUT)
        return [tls_summary(one.stdout.decode("latin-1")) for one in (first, second)]

    def certificate(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection((self.address, self.tls_port), TIMEOUT) as plain:
            with context.wrap_socket(plain) as secure:
                return secure.version(), secure.cipher(), hashlib.sha256(secure.getpeercert(True)).hexdigest()


def masked_frame(opcode, data):
    length = len(data)
    head = bytes([0x80 | opcode])
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 65536:
        head += bytes([0x80 | 126]) + struct.pack("!H", length)
    else:
        head += bytes([0x80 | 127]) + struct.pack("!Q", length)
    mask = b"mask"
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))


def read_message(stream):
    message = b""
    while True:
        first, second = stream.read(2)
        length = second & 0x7f
        if length == 126:
            length = struct.unpack("!H", stream.read(2))[0]
        elif length == 127:
            length = struct.unpack("!Q", stream.read(8))[0]
        message += stream.read(length)
        if first & 0x80:
            return message


def tls_summary(said):
    """Reused or new, protocol and cipher, and the answer's first and last line."""
    session = re.search(r"^(New|Reused), (TLSv[\d.]+), Cipher is (\S+)", said, re.M)
    answer = re.findall(r"^(HTTP/1\.1 \d+.*|Hello .*)$", said, re.M)
    return (session.groups() if session else None), [line.strip() for line in answer]
