# SPDX-License-Identifier: Apache-2.0
"""The Linux guest: Debian's cloud kernel as one who knows it would tune it for a single program.

The package is fetched at one pinned version and checked by its hash; nothing of it is ever committed.
The kernel is taken out of its compressed file and booted by PVH, as Mokapot is, so that it neither
unpacks nor relocates itself. Its initrd holds the modules that the machine needs, in the order of
their dependences, and one static program, linux/init.c.
"""

import hashlib
import os
import pathlib
import struct
import subprocess

PACKAGE = "linux-image-6.1.0-56-cloud-amd64"
VERSION = "6.1.192-2"
SHA256 = "e7d02b943971edcb8790e256c02cfab3bca6c3d37c1bf25392a57c71300615ee"

# What is needed to find the disks and to stack the images; everything else stays out.
MODULES = ("virtio_mmio", "virtio_blk", "erofs", "overlay")
NETWORK_MODULES = ("virtio_net",)   # only where the network is used

# quiet, loglevel: a serial console costs time. mitigations: TCG has none of these flaws, and their
# code costs instructions. tsc, no_timer_check: a microvm offers nothing to measure the TSC against (without
# tsc_early_khz this kernel does not boot there under TCG), and the guest need not try. The rest switches off
# self-tests, grace periods and services that a machine of one program has no use for.
COMMAND_LINE = ("console=ttyS0 quiet loglevel=0 mitigations=off tsc=reliable no_timer_check nokaslr "
                "random.trust_cpu=on cryptomgr.notests rcupdate.rcu_expedited=1 nowatchdog audit=0 "
                "selinux=0 apparmor=0 numa=off panic=-1 reboot=t rdinit=/init")
# TCG says that it has fast string instructions, and Linux then clears and copies pages byte by byte, which
# under TCG is the slowest way. One who measures sees that, so this guest exists in both forms.
NO_ERMS = "clearcpuid=erms,fsrm"
TIMER_TICKS_A_SECOND = 250   # CONFIG_HZ of the pinned kernel

SIGNATURE_MARK = b"~Module signature appended~\n"
LZ4_LEGACY_MAGIC = b"\x02\x21\x4c\x18"


class Unavailable(Exception):
    """The Linux guest cannot be made here; the text says what to do."""


def fetch_package(directory):
    package = directory / f"{PACKAGE}_{VERSION}_amd64.deb"
    if not package.exists():
        wanted = ["apt-get", "download", f"{PACKAGE}={VERSION}"]
        outcome = subprocess.run(wanted, cwd=directory, capture_output=True, text=True)
        if outcome.returncode != 0 and os.geteuid() == 0:
            subprocess.run(["apt-get", "update"], capture_output=True)
            outcome = subprocess.run(wanted, cwd=directory, capture_output=True, text=True)
        if outcome.returncode != 0:
            raise Unavailable(f"cannot download {PACKAGE} {VERSION}: {outcome.stderr.strip()}\n"
                              f"get it from https://snapshot.debian.org and put it at {package}")
    found = hashlib.sha256(package.read_bytes()).hexdigest()
    if found != SHA256:
        raise Unavailable(f"{package} has SHA-256 {found}, not the pinned {SHA256}; remove it")
    return package


def lz4_block(data):
    """One block of LZ4: runs of literals, each followed by a copy of something seen before."""
    out = bytearray()
    at, end = 0, len(data)
    while True:
        token = data[at]
        at += 1
        length = token >> 4
        if length == 15:
            while data[at] == 255:
                length += 255
                at += 1
            length += data[at]
            at += 1
        out += data[at:at + length]
        at += length
        if at >= end:
            return out
        offset = data[at] | data[at + 1] << 8
        at += 2
        length = (token & 15) + 4
        if length == 19:
            while data[at] == 255:
                length += 255
                at += 1
            length += data[at]
            at += 1
        start = len(out) - offset
        if length <= offset:
            out += out[start:start + length]
        else:  # it overlaps itself: what lies there repeats
            out += (bytes(out[start:]) * (length // offset + 1))[:length]


def extract_kernel(compressed):
    """The ELF file inside a bzImage that Debian packed as legacy LZ4."""
    at = compressed.find(LZ4_LEGACY_MAGIC)
    if at < 0:
        raise Unavailable("the kernel is not packed with LZ4, as the pinned one is")
    at += 4
    kernel = bytearray()
    while True:
        (size,) = struct.unpack_from("<I", compressed, at)
        # Behind the last block lies the length of the whole, which is no block's size.
        if size == len(kernel) or size > len(compressed) - at - 4:
            break
        kernel += lz4_block(compressed[at + 4:at + 4 + size])
        at += 4 + size
    if kernel[:4] != b"\x7fELF":
        raise Unavailable("what is packed in the kernel is not an ELF file")
    return bytes(kernel)


def module_order(tree, wanted):
    """Paths of the wanted modules with all that they depend on, each after what it needs."""
    files = {path.stem.replace("-", "_"): path for path in tree.rglob("*.ko")}
    order = []

    def visit(name):
        path = files[name]
        if path in order:
            return
        for field in path.read_bytes().split(b"\0"):
            if field.startswith(b"depends=") and len(field) > len(b"depends="):
                for other in field[len(b"depends="):].decode().split(","):
                    visit(other.replace("-", "_"))
        order.append(path)

    for name in wanted:
        visit(name)
    return order


def command_line(tsc_khz):
    loops = tsc_khz * 1000 // TIMER_TICKS_A_SECOND
    return f"{COMMAND_LINE} tsc_early_khz={tsc_khz} lpj={loops}"


def unsigned(module):
    """A module without its signature: to check it costs time, and nothing here asks for one."""
    if not module.endswith(SIGNATURE_MARK):
        return module
    # Behind the signature lies a record of 12 bytes, the last four of which are its length.
    (length,) = struct.unpack_from(">I", module, len(module) - len(SIGNATURE_MARK) - 4)
    return module[:len(module) - len(SIGNATURE_MARK) - 12 - length]


class Archive:
    """A cpio archive in the `newc` format, as the kernel unpacks it into its first root."""

    def __init__(self):
        self.data = bytearray()
        self.count = 0

    def add(self, name, mode, content=b"", device=(0, 0)):
        self.count += 1
        fields = (self.count, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name) + 1, 0)
        self.data += b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        self._pad()
        self.data += content
        self._pad()

    def _pad(self):
        self.data += b"\0" * (-len(self.data) % 4)

    def close(self):
        self.add("TRAILER!!!", 0)
        return bytes(self.data)


class LinuxGuest:
    """The kernel's path, and an initrd for each configuration."""

    def __init__(self, directory, init):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.init = init
        self.kernel = directory / f"vmlinux-{VERSION}"
        tree = directory / f"package-{VERSION}"
        if not tree.exists():
            unfinished = directory / "package.unfinished"
            subprocess.run(["dpkg", "-x", str(fetch_package(directory)), str(unfinished)], check=True)
            unfinished.rename(tree)
        if not self.kernel.exists():
            unfinished = directory / "vmlinux.unfinished"
            (image,) = (tree / "boot").glob("vmlinuz-*")
            unfinished.write_bytes(extract_kernel(image.read_bytes()))
            unfinished.rename(self.kernel)
        self.modules = tree / "lib" / "modules"

    def initrd(self, name, configuration, has_network):
        """`configuration` is the archive that moka made: its one file comes along as it is."""
        modules = module_order(self.modules, MODULES + (NETWORK_MODULES if has_network else ()))
        archive = Archive()
        for directory in ("dev", "sys", "modules"):
            archive.add(directory, 0o040755)
        archive.add("dev/console", 0o020600, device=(5, 1))
        archive.add("init", 0o100755, pathlib.Path(self.init).read_bytes())
        for path in modules:
            archive.add(f"modules/{path.name}", 0o100644, unsigned(path.read_bytes()))
        order = "".join(f"{path.name}\n" for path in modules)
        archive.add("modules/order", 0o100644, order.encode())
        # Two archives, one behind the other, are one to the kernel.
        path = self.directory / f"{name}.initrd"
        path.write_bytes(archive.close() + configuration)
        return path
