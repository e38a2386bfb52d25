# SPDX-License-Identifier: Apache-2.0
"""Bootable images: made twice to the byte, booted by BIOS and by UEFI without our launcher, started by it, and
refused where they cannot be."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from parts.process import run
from system import image_training, jdks
from system.folder_cases import run_cases
from system.jvm_crash import JVM_OPTION
from system.system import MOKA, base_environment

HELLO = "build/java/hello.jar"
PROGRAM = "build/tests/guest/hello_dynamic"
# Of a VM or a build on a machine that does much else; nothing takes a tenth of it.
PATIENCE = 300
FIRMWARE = "/usr/share/OVMF/OVMF_CODE.fd"
VARIABLES = "/usr/share/OVMF/OVMF_VARS.fd"
END = "mokapot: the program ended with status "


def text_of(outcome):
    return outcome.text()[-3000:]


def moka(words, env=None, cwd=None):
    return run([os.path.abspath(MOKA), *words], PATIENCE, env=env or base_environment(), cwd=cwd)


def build(words, output, env=None, cwd=None):
    """'' or what went wrong. Without training, which image_training.py has."""
    outcome = moka(["build", "--no-train", "-o", str(output), *words], env, cwd)
    if outcome.timed_out or outcome.status != 0:
        return f"moka build ended with {outcome.status}: {text_of(outcome)}"
    return ""


def java(*options):
    return ["--jdk", jdks.find(17), "-J", JVM_OPTION, *options]


# --- Without the launcher ---------------------------------------------------------------------------

def boot(machine, drive, firmware=None, kernel=()):
    """What a stock QEMU shows on its serial port, with the text of a problem if it did not end by itself."""
    command = ["qemu-system-x86_64", "-machine", machine, "-accel", "tcg,thread=multi", "-cpu", "max", "-m", "512",
               "-smp", "2", "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio",
               *drive, "-netdev", "user,id=n", *kernel]
    command += ["-device", "virtio-net-device,netdev=n" if machine.startswith("microvm") else "virtio-net-pci,netdev=n"]
    if firmware:
        command += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={FIRMWARE}",
                    "-drive", f"if=pflash,unit=1,format=raw,file={firmware}"]
    outcome = run(command, PATIENCE)
    return outcome.stdout.decode(errors="replace"), ("" if not outcome.timed_out else f"no end: {text_of(outcome)}")


def disk(path, kind="raw"):
    return ["-drive", f"if=virtio,format={kind},readonly=on,file={path}"]


def expect(shown, problem, *lines):
    """The lines are there, whole, ended as on a terminal, and the last one is the end's."""
    for line in lines:
        if f"{line}\r\n" not in shown:
            problem += f"the serial port did not show {line!r}\n"
    if not shown.rstrip().splitlines() or END not in shown.rstrip().splitlines()[-1]:
        problem += "the last line is not the end's\n"
    return problem and f"{problem}{shown[-3000:]}"


def bios(folder):
    """qcow2, on the oldest machine."""
    image = folder / "bios.qcow2"
    problem = build(java(HELLO), image)
    return problem or expect(*boot("pc", disk(image, "qcow2")), "Hello from Java 17", f"{END}0")


def uefi(folder):
    """A raw disk; the application's arguments and environment are in it, and its network came by DHCP."""
    image, variables = folder / "uefi.img", folder / "variables"
    shutil.copy(VARIABLES, variables)
    problem = build([*java("-v"), HELLO], image) or build([*java("-v"), HELLO, "--", "a b", "-o"], image)
    return problem or expect(*boot("q35", disk(image), firmware=variables), "Hello from Java 17", "argument: a b",
                             "argument: -o", "eth0: 10.0.2.15/24, gateway 10.0.2.2, MTU 1500", f"{END}0")


def pair(folder):
    """Kernel, initrd and disk, for hypervisors that load a kernel themselves; an ELF program, whose status shows."""
    place = folder / "pair"
    problem = build(["build/tests/guest/ending", "--", "exit3"], place)
    if problem:
        return problem
    drive = ["-global", "virtio-mmio.force-legacy=false", "-drive",
             f"if=none,id=d,format=raw,readonly=on,file={place}/disk.img", "-device", "virtio-blk-device,drive=d"]
    shown, problem = boot("microvm,rtc=on", drive, kernel=["-kernel", f"{place}/kernel.elf", "-initrd", f"{place}/initrd"])
    return expect(shown, problem, f"{END}3")


def gce(folder):
    """Google's archive: tar finds one disk of whole GiB in it, which boots from virtio-scsi by BIOS and by UEFI; the
    same bytes from another cache."""
    archive, variables = folder / "app.tar.gz", folder / "variables"
    env = base_environment() | {"XDG_CACHE_HOME": str(folder / "cache")}
    problem = build([PROGRAM], archive) or build([PROGRAM], folder / "again.tar.gz", env)
    if problem:
        return problem
    if run(["cmp", str(archive), f"{folder}/again.tar.gz"], PATIENCE).status != 0:
        return "the archive differs from build to build"
    unpacked = run(["tar", "-C", str(folder), "-xSzvf", str(archive)], PATIENCE)
    raw = folder / "disk.raw"
    if unpacked.status != 0 or unpacked.stdout.decode().split() != ["disk.raw"] or raw.stat().st_size != 1 << 30:
        return f"tar: {text_of(unpacked)}"
    wanted = run([PROGRAM], 60).stdout.decode().splitlines()
    drive = ["-device", "virtio-scsi-pci", "-drive", f"if=none,id=d,format=raw,readonly=on,file={raw}",
             "-device", "scsi-hd,drive=d"]
    shutil.copy(VARIABLES, variables)
    for machine, firmware in (("pc", None), ("q35", variables)):
        problem += expect(*boot(machine, drive, firmware=firmware), *wanted, f"{END}0")
    return problem


def rejected_archive(folder):
    """An archive of classes that somebody damaged: the program runs without it, and the serial port says so once."""
    image = folder / "app.img"
    problem, _ = image_training.build(17, image)
    if problem:
        return problem
    content = image.read_bytes()
    # The header of a dynamic archive in JDK 17's cdsConstants.hpp: magic number, checksum, version.
    headers = list(re.finditer(rb"\xa8\xab\x0b\xf0.{4}\x0b\0\0\0", content, re.DOTALL))
    if len(headers) != 1:
        return f"{len(headers)} archives of the application are in the image"
    at = headers[0].start()
    image.write_bytes(content[:at] + bytes(4) + content[at + 4:])
    shown, problem = boot("q35", disk(image))
    if shown.count("mokapot: the JVM rejected the archive") != 1:
        problem += "it was not said once that the archive was rejected\n"
    return expect(shown, problem, "Hello from Java 17", f"{END}0")


# --- With it ----------------------------------------------------------------------------------------

def started_by_moka(folder):
    """moka run on both kinds of disk, with words and variables of its own; and a program with the host's libraries."""
    native = folder / "native.img"
    problem = build([PROGRAM], native)
    if problem:
        return problem
    there, here = moka(["run", str(native)]), run([PROGRAM], 60)
    if (there.status, there.stdout) != (here.status, here.stdout):
        problem += f"{PROGRAM}: status {there.status}: {text_of(there)}\n"
    for name in ("run.img", "run.qcow2"):
        image = folder / name
        problem += build([*java(), "-e", "GREETED=no", HELLO, "--", "built in"], image)
        if problem:
            return problem
        outcome = moka(["run", "-m", "256", str(image), "added"])
        wanted = "Hello from Java 17\nargument: built in\nargument: added\n"
        if outcome.status != 0 or outcome.stdout.decode() != wanted:
            problem += f"{name}: status {outcome.status}: {text_of(outcome)}\n"
    return problem


# --- The same, to the byte --------------------------------------------------------------------------

def reproducible(folder):
    """Another place, another time, another cache, other links, other words for the same files."""
    images = []
    for number, (place, when) in enumerate((("one", 1_000_000_000), ("two/deeper", 1_700_000_000))):
        root = folder / place
        (root / "target/lib").mkdir(parents=True)
        for name in ("hello.jar", "lib/library.jar"):
            shutil.copy(HELLO, root / "target" / name)
            os.utime(root / "target" / name, (when, when))
        env = base_environment() | {"XDG_CACHE_HOME": str(root / "cache"), "TZ": f"UTC{number}", "LANG": "C"}
        words = ["-cp", "target/hello.jar:target/lib/*" if number == 0 else f"{root}/target/hello.jar:{root}/target/lib/*",
                 "io.mokapot.examples.Hello"]
        for name in ("app.qcow2", "app.img"):
            problem = build([*java("--runtime", "trimmed"), *words], root / name, env, root if number == 0 else "/")
            if problem:
                return problem
        images.append(root)
    return "".join(f"{name} differs from build to build\n" for name in ("app.qcow2", "app.img")
                   if run(["cmp", str(images[0] / name), str(images[1] / name)], PATIENCE).status != 0)


# --- What cannot be ---------------------------------------------------------------------------------

@contextlib.contextmanager
def small_file_system(folder):
    """A file system of half a MiB; None without the right to mount one."""
    folder.mkdir()
    if run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)], 20).status != 0:
        yield None
        return
    try:
        yield folder
    finally:
        run(["umount", str(folder)], 20)


def refused(words, advice):
    outcome = moka(words)
    said = outcome.stderr.decode(errors="replace")
    if outcome.status != 2 or advice not in said or len(said.splitlines()) != 1:
        return f"moka {' '.join(words)}: status {outcome.status}, wanted one line with {advice!r}: {text_of(outcome)}\n"
    return ""


def bad_input(folder):
    image = folder / "good.img"
    problem = build([PROGRAM], image)
    if problem:
        return problem
    good = image.read_bytes()
    rows = [(["build", PROGRAM], "-o"),
            (["build", "/no/such.jar", "-o", f"{folder}/x.img"], "no such file"),
            (["build", PROGRAM, "-o", f"{folder}/x.vmdk"], "AHCI"),
            (["build", PROGRAM, "-o", f"{folder}/x.iso"], "--format"),
            (["build", PROGRAM, "-o", f"{folder}/no/such/x.img"], "no folder"),
            (["build", PROGRAM, "-o", "build", "--format", "pair"], "no image"),
            (["build", "--mount", "/tmp:/x", PROGRAM, "-o", f"{folder}/x.img"], "moka run IMAGE"),
            (["run", "-J", "-Xmx1g", str(image)], "moka build"),
            (["inspect", PROGRAM], "cannot be used"),
            (["inspect"], "which image"),
            (["build", "--no-train", "--train", "x", HELLO, "-o", f"{folder}/x.img"], "contradict"),
            (["build", "--train", "https://localhost/", HELLO, "-o", f"{folder}/x.img"], "http://"),
            (["build", "--train", "x", PROGRAM, "-o", f"{folder}/x.img"], "for Java"),
            (["build", "--archive", f"{folder}/no", HELLO, "-o", f"{folder}/x.img"], "--archive-out"),
            (["image", "rm", "../x"], "no cached image"),
            (["image", "melt"], "ls, rm"),
            (["doctor", "--output", "xml"], "text and json"),
            (["completion", "tcsh"], "bash, zsh and fish")]
    for name, content in (("cut.img", good[:1 << 20]), ("table.img", good[:600] + b"\xff" + good[601:]),
                          ("version.img", good.replace(b'"mokapotImage": 1', b'"mokapotImage": 9', 1)),
                          ("header.qcow2", b"QFI\xfb" + bytes(2000))):
        (folder / name).write_bytes(content)
        rows.append((["run", str(folder / name)], "cannot be used"))
    backed = folder / "backed.qcow2"
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(image), "-F", "raw", str(backed)], PATIENCE)
    rows.append((["run", str(backed)], "depends on another file"))
    problem = "".join(refused(words, advice) for words, advice in rows)
    left = sorted(path.name for path in folder.iterdir() if path.name.startswith("x.") or "unfinished" in path.name)
    return problem + (f"left behind: {left}\n" if left else "")


def full_disk(folder):
    """Nothing half-written stays, and the image that was there does."""
    with small_file_system(folder / "small") as place:
        if place is None:
            return "SKIP no right to mount a small file system"
        old = place / "app.img"
        old.write_text("old")
        problem = refused(["build", PROGRAM, "-o", str(old)], "No space left")
        if old.read_text() != "old" or len(list(place.iterdir())) != 1:
            problem += f"the folder holds {[path.name for path in place.iterdir()]}\n"
        return problem


def interrupted(folder):
    """Ctrl-C while the image is written: the signal ends moka, and nothing stays."""
    place = folder / "place"
    place.mkdir()
    process = subprocess.Popen([MOKA, "build", "--no-train", *java("--runtime", "whole"), HELLO, "-o", f"{place}/app.qcow2"],
                               env=base_environment(), stderr=subprocess.PIPE)
    end = time.monotonic() + PATIENCE
    while not list(place.iterdir()) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=PATIENCE)[1].decode(errors="replace")
    if process.returncode == 0:
        return "SKIP the build was done before the signal came"
    left = [path.name for path in place.iterdir()]
    return "" if process.returncode == -signal.SIGTERM and not left else f"{process.returncode}: {said} left: {left}"


def damaged_cache(folder):
    """A layer that somebody changed in the cache is noticed and made again."""
    env = base_environment() | {"XDG_CACHE_HOME": str(folder / "cache")}
    if problem := build([PROGRAM], folder / "one.img", env):
        return problem
    for layer in (folder / "cache/mokapot").glob("*.erofs"):
        with open(layer, "r+b") as file:
            file.seek(2000)
            file.write(b"damage")
    if problem := build([PROGRAM], folder / "two.img", env):
        return problem
    return "" if run(["cmp", f"{folder}/one.img", f"{folder}/two.img"], 60).status == 0 else "the damage is in the image"


def told(folder):
    """What moka says of images, of its cache and of this host, in forms that others read."""
    image, problem = folder / "app.img", ""
    env = base_environment() | {"XDG_CACHE_HOME": str(folder / "cache")}
    if problem := build([PROGRAM], image, env):
        return problem

    def say(*words):
        outcome = moka(list(words), env)
        return outcome.stdout.decode() if outcome.status == 0 else f"status {outcome.status}: {text_of(outcome)}"

    manifest = json.loads(say("inspect", "--output", "json", str(image)))
    if [layer["name"] for layer in manifest["layers"]] != ["runtime", "application"] or manifest["arguments"] != ["/app/hello_dynamic"]:
        problem += f"the manifest: {manifest}\n"
    bill = json.loads(say("inspect", "--sbom", str(image)))
    if bill != json.loads(pathlib.Path(f"{image}.cdx.json").read_text()) or bill["bomFormat"] != "CycloneDX":
        problem += "the bill of materials beside the image is another one than that in it\n"
    parts = {component["name"]: component for component in bill["components"]}
    if not {"Mokapot", "GRUB", "lwIP", "LZ4"} <= set(parts):
        problem += f"the bill of materials lacks parts: {parts}\n"
    for name, purl in (("lwIP", "pkg:deb/debian/lwip@2"), ("LZ4", "pkg:deb/debian/lz4@1")):
        if not parts[name].get("version") or not parts[name].get("purl", "").startswith(purl):
            problem += f"the bill of materials does not say which {name}: {parts[name]}\n"
    licenses = say("inspect", "--licenses", str(image))
    # Of each its heading, and words of its own text behind that.
    for name, words in (("GRUB", "Upstream-Name: GNU GRUB"), ("Mokapot", "Apache License"),
                        ("lwIP", "Swedish Institute of Computer Science"), ("LZ4", "Yann Collet"),
                        ("common licence GPL-3", "GNU GENERAL PUBLIC LICENSE")):
        section = " ".join(licenses.partition(f"==== {name}\n")[2].partition("\n==== ")[0].split())
        if words.upper() not in section.upper():
            problem += f"{name}'s licence is missing\n"
    cached = json.loads(say("image", "ls", "--output", "json"))
    if len(cached) != 2:
        problem += f"the cache: {cached}\n"
    say("image", "rm", cached[0]["name"])
    left = [entry["name"] for entry in json.loads(say("image", "ls", "--output=json"))]
    if left != [cached[1]["name"]]:
        problem += f"after rm: {left}\n"
    say("image", "prune", "--all")
    if say("image", "ls"):
        problem += "prune --all left something\n"
    findings = json.loads(say("doctor", "--output", "json"))
    problem += "".join(f"doctor: {finding}\n" for finding in findings if finding["state"] == "missing")
    # A QEMU that only says which it is.
    (folder / "bin").mkdir()
    stand_in = folder / "bin/qemu-system-x86_64"
    stand_in.write_text("#!/bin/sh\necho QEMU emulator version 10.0.2\n")
    stand_in.chmod(0o755)
    outcome = moka(["doctor"], env | {"PATH": f"{folder}/bin:{env['PATH']}"})
    if b"10.0.2" not in outcome.stdout:
        problem += f"doctor on QEMU 10.0.2: {text_of(outcome)}\n"
    for shell in ("bash", "zsh"):
        checked = run(["bash", "-n"], 20, stdin=say("completion", shell).encode())
        problem += "" if checked.status == 0 else f"completion {shell}: {text_of(checked)}"
    return problem


CASES = {"by BIOS, qcow2": bios, "by UEFI, raw": uefi, "kernel, initrd and disk": pair, "for Google": gce, "a rejected archive": rejected_archive, "moka run IMAGE": started_by_moka,
         "built twice": reproducible, "bad input": bad_input, "a full disk": full_disk, "interrupted": interrupted, "a damaged cache": damaged_cache, "what moka tells": told, **image_training.CASES}
NEEDS_NO_JDK = (pair, gce, bad_input, full_disk, damaged_cache, told)


def images(results, options):
    run_cases(results, options, "images", CASES, NEEDS_NO_JDK)
