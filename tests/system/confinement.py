# SPDX-License-Identifier: Apache-2.0
"""moka needs no privilege, and keeps the guest's arguments and environment from everybody else.

A VM runs as a user who may do nothing, with a secret in an argument, in -e and in --env-file. While it
runs, its processes, command lines and files are looked at: as root where the tests run as root, and as
yet another user.
"""

import contextlib
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
import time

from parts.process import run
from system.system import MOKA, missing_moka

NOBODY, SOMEBODY_ELSE = 65534, 65533
SECRET = "a-secret-that-is-nowhere-else"
ARGUMENT = "an-argument-for-the-guest-alone"


def as_user(user):
    """The words in front of a command that make it run as that user, without any right."""
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--inh-caps=-all",
            "--bounding-set=-all", "--no-new-privs", "--"]


def children_of(pid):
    """A process and all below it."""
    found = [pid]
    for parent in found:
        for task in pathlib.Path(f"/proc/{parent}/task").iterdir():
            found += [int(word) for word in (task / "children").read_text().split()]
    return found


def command_line(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    return ""


def privileges(pid):
    """What a process may do that any user's may not; '' is right."""
    lines = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
                 if ":\t" in line)
    problem = ""
    if "0" in lines["Uid"].split():
        problem += f"process {pid} runs as root: {lines['Uid']}\n"
    if int(lines["CapEff"], 16) or int(lines["CapPrm"], 16):
        problem += f"process {pid} has capabilities: {lines['CapEff']}\n"
    return problem


def readable_by_others(directory):
    """Files and folders in the cache that a stranger could read."""
    if not directory.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return ""  # nobody else gets into it
    return f"{directory} may be entered by others: {oct(directory.stat().st_mode)}\n"


def files_with(text, directory):
    return "".join(f"{file} holds the secret\n" for file in directory.rglob("*")
                   if file.is_file() and text.encode() in file.read_bytes())


def pry(pid):
    """What a stranger gets to see of the process that holds the configuration."""
    script = f"cat /proc/{pid}/environ /proc/{pid}/fd/* /proc/{pid}/mem 2>/dev/null | grep -c {SECRET}"
    return run([*as_user(SOMEBODY_ELSE), "sh", "-c", script], 30).stdout.decode().strip()


def look_at(process, cache):
    """What is wrong with a VM while it runs."""
    family = children_of(process.pid)
    qemus = [pid for pid in family if "qemu" in command_line(pid).split("\0")[0]]
    if len(qemus) != 1:
        return f"{len(qemus)} QEMU processes below moka\n"
    problem = "".join(privileges(pid) for pid in family)
    everybody = {int(entry.name): command_line(entry.name) for entry in pathlib.Path("/proc").iterdir()
                 if entry.name.isdigit() and int(entry.name) not in (os.getpid(), process.pid)}
    for pid, line in everybody.items():
        for text in (SECRET, ARGUMENT):
            if text in line:
                problem += f"process {pid} shows {text}: {line[:200]!r}\n"
    if pry(qemus[0]) not in ("0", ""):
        problem += "a stranger read the secret from QEMU's descriptors\n"
    return problem + readable_by_others(cache / "mokapot") + files_with(SECRET, cache) + \
        readable_by_others(cache.parent / "state/mokapot") + files_with(SECRET, cache.parent / "state")


def watched_run(place):
    """Runs the VM in `place` and returns what is wrong with it."""
    cache = place / "cache"
    secrets = place / "secrets.env"
    secrets.write_text(f"FROM_FILE={SECRET}\n")
    for name in (MOKA, "build/mokapot-kernel.elf", "build/tests/guest/standard_streams"):
        shutil.copy(name, place)
    cache.mkdir()
    for path in (place, cache, secrets):
        os.chown(path, NOBODY, NOBODY)
    secrets.chmod(0o600)
    environment = {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(cache), "XDG_STATE_HOME": str(place / "state"), "TOKEN": SECRET}
    command = [*as_user(NOBODY), f"{place}/moka", "run", "-c", "1", "-m", "128", "--env-file", str(secrets),
               "-e", "TOKEN", f"{place}/standard_streams", ARGUMENT]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=environment, cwd=place, start_new_session=True)
    problem = ""
    try:
        # The program answers what it reads, and so shows that it runs.
        process.stdin.write(b"hello\n")
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while not any("qemu" in command_line(pid).split("\0")[0] for pid in children_of(process.pid)):
            if process.poll() is not None or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        if process.poll() is None:
            problem = look_at(process, cache)
        out, err = process.communicate(timeout=60)
        if process.returncode != 0:
            problem += f"status {process.returncode}\n{out.decode()[-500:]}{err.decode(errors='replace')[-1500:]}"
    except subprocess.TimeoutExpired:
        problem += "no end within 60 s\n"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 9)
            process.wait()
    return problem


def confinement(results, options):
    title = "a user without any right runs a VM, and keeps its secrets"
    if options.only_case not in title:
        return
    if missing_moka():
        results.failed(title, missing_moka())
        return
    if os.geteuid() != 0:
        results.skipped(title, "needs root, to become other users and to look at all processes")
        return
    # Where any user may go; /tmp is not such a place on every machine.
    place = next((path for path in (tempfile.gettempdir(), "/var/tmp", "/dev/shm")
                  if os.path.isdir(path) and os.stat(path).st_mode & stat.S_IXOTH), None)
    if place is None:
        results.skipped(title, "this machine has no folder for temporary files that all users may enter")
        return
    with tempfile.TemporaryDirectory(prefix="moka-confinement-", dir=place) as name:
        results.check(title, watched_run(pathlib.Path(name)))
