# SPDX-License-Identifier: Apache-2.0
"""make install, the Debian package and the archive: moka runs from wherever they put it."""

import os
import shutil
import subprocess

from parts.process import run
from system.confinement import as_user, NOBODY
from system.jdks import find as find_jdk
from system.moka.common import HELLO, PATIENCE, text_of
from system.system import base_environment

DIST = "build/dist"
FILES = ("bin/moka", "lib/mokapot/mokapot-kernel.elf", "share/man/man1/moka.1.gz", "share/man/man1/moka-run.1.gz",
         "share/man/man1/moka-image.1.gz", "share/bash-completion/completions/moka", "share/zsh/site-functions/_moka",
         "share/fish/vendor_completions.d/moka.fish", "share/doc/mokapot/copyright")


def make(*words):
    # The tests may themselves be a recipe of a make, whose job slots are not ours.
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return run(["make", "-s", "-j2", *words], PATIENCE, env=environment)


def digests():
    return {name: open(f"{DIST}/{name}", "rb").read() for name in sorted(os.listdir(DIST))}


def runs_hello(prefix, home):
    """As a user without any right, whose home is somewhere else, and without the words that tests add."""
    home.mkdir()
    for place in (home, *prefix.parents):
        if str(place).startswith("/tmp/"):
            place.chmod(0o755)
    os.chown(home, NOBODY, NOBODY)
    shutil.copy(HELLO, home / "hello.jar")
    environment = {name: value for name, value in base_environment().items() if not name.startswith(("MOKA_KERNEL", "XDG_"))}
    command = [*(as_user(NOBODY) if os.geteuid() == 0 else []), str(prefix / "bin/moka"), "run",
               *(["--jdk", find_jdk(17)] if find_jdk(17) else []), "hello.jar", "there"]
    outcome = run(command, PATIENCE, env=environment | {"HOME": str(home)}, cwd=home)
    if outcome.status == 0 and outcome.stdout.decode() == "Hello from Java 17\nargument: there\n":
        return ""
    return f"{prefix}: status {outcome.status}: {text_of(outcome)}\n"


def missing_files(prefix):
    return "".join(f"{prefix} lacks {name}\n" for name in FILES if not (prefix / name).is_file())


def missing_notices(prefix):
    """Of what is compiled into moka and the kernel."""
    text = (prefix / "share/doc/mokapot/copyright").read_text()
    return "".join(f"the copyright file lacks {words}\n"
                   for words in ("Apache License", "Swedish Institute of Computer Science", "Yann Collet", "Florian Bernd")
                   if words not in text)


def installed_by_make(folder):
    prefix = "/opt/some where"
    outcome = make("install", f"DESTDIR={folder}/root", f"PREFIX={prefix}")
    if outcome.status != 0:
        return text_of(outcome)
    place = folder / "root" / prefix[1:]
    problem = missing_files(place) + missing_notices(place)
    said = run([str(place / "bin/moka"), "--version"], 20)
    problem += "" if said.stdout.startswith(b"moka ") else f"moka --version: {text_of(said)}\n"
    (place / "bin/mine").write_text("another's")
    outcome = make("uninstall", f"DESTDIR={folder}/root", f"PREFIX={prefix}")
    left = [str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()]
    return problem + ("" if outcome.status == 0 and left == ["bin/mine"] else f"uninstall left {left}: {text_of(outcome)}")


def packages(folder):
    """Made twice to the byte; the archive runs from two places, the package's files from a root of their own."""
    outcome = make("dist")
    if outcome.status != 0:
        return text_of(outcome)
    first = digests()
    outcome = make("dist")
    problem = "" if outcome.status == 0 and digests() == first else "make dist made something else the second time\n"
    summed = run(["sha256sum", "--check", "--strict", "SHA256SUMS"], 60, cwd=DIST)
    if summed.status != 0 or len(summed.stdout.splitlines()) != 2:
        problem += f"SHA256SUMS: {text_of(summed)}\n"
    (archive,) = [name for name in first if name.endswith(".tar.gz")]
    (package,) = [name for name in first if name.endswith(".deb")]
    for number, place in enumerate(("one", "two/deeper")):
        (folder / place).mkdir(parents=True)
        subprocess.run(["tar", "-xzf", f"{DIST}/{archive}", "-C", folder / place], check=True)
        (prefix,) = (folder / place).iterdir()
        problem += missing_files(prefix)
        if number == 1:
            problem += runs_hello(prefix, folder / "home1")
    root = folder / "debian"
    subprocess.run(["dpkg-deb", "-x", f"{DIST}/{package}", root], check=True)
    control = run(["dpkg-deb", "-f", f"{DIST}/{package}"], 20).stdout.decode()
    for word in ("Package: mokapot", "Architecture: amd64", "qemu-system-x86", "erofs-utils", "libc6 (>= 2."):
        problem += "" if word in control else f"the package's control file lacks {word!r}\n"
    if "-dev" in control:
        problem += f"the package wants what only a compiler needs: {control}\n"
    owners = run(["dpkg-deb", "-c", f"{DIST}/{package}"], 20).stdout.decode()
    problem += "".join(f"not root's: {line}\n" for line in owners.splitlines() if " root/root " not in line)
    return problem + missing_files(root / "usr") + runs_hello(root / "usr", folder / "home2")


CASES = {"make install, uninstall": installed_by_make, "a Debian package and an archive": packages}
