# SPDX-License-Identifier: Apache-2.0
"""moka check: what it says breaks does break in a VM, what it does not say breaks does not; and where things lie."""

import json
import shutil
import zipfile

from system import jdks
from system.moka.common import HELLO, PROGRAM, expect, java, moka, refused, text_of

JARS = "build/tests/system"
# By which exception each breaks, and where moka check must see it.
BREAKS = {"starts": ("java.io.IOException", "check-starts.jar!Starts.go", "process"),
          "loads": ("java.lang.UnsatisfiedLinkError", "check-loads.jar!Loads.<clinit>", "library"),
          "draws": ("java.awt.HeadlessException", "check-draws.jar!Draws.<init>", "display")}


def place(finding):
    return f"{finding['place']}!{finding['class']}" + (f".{finding['method']}" if finding["method"] else "")


def check(*words):
    """The exit status, and what was found by its severity."""
    outcome = moka("check", "--output", "json", "--jdk", jdks.find(17), *words)
    document = json.loads(outcome.stdout) if outcome.stdout else {"findings": []}
    return outcome.status, {kind: [one for one in document["findings"] if one["severity"] == kind] for kind in ("breaks", "refers")}


def as_said(_):
    """The VM is the oracle."""
    problem = ""
    for name, (exception, where, kind) in BREAKS.items():
        status, found = check(f"{JARS}/check-{name}.jar")
        if status != 1 or [(place(one), one["kind"]) for one in found["breaks"]] != [(where, kind)]:
            problem += f"{name}: status {status}: {found['breaks']}\n"
        outcome = moka("run", *java(), f"{JARS}/check-{name}.jar")
        if outcome.status != 1 or exception not in outcome.text():
            problem += f"{name} in the VM: status {outcome.status}, wanted {exception}: {text_of(outcome)}\n"
    status, found = check(f"{JARS}/check-refers.jar")
    refers = {place(one) for one in found["refers"] if ".Refers." in f".{one['class']}."}
    wanted = {f"check-refers.jar!Refers.{method}" for method in ("unused", "guarded", "main")}
    if status != 0 or found["breaks"] or refers != wanted:
        problem += f"refers: status {status}, {found['breaks']}, {refers}\n"
    outcome = moka("run", *java(), f"{JARS}/check-refers.jar")
    if outcome.status != 0 or outcome.stdout.decode().splitlines()[-1] != "done":
        problem += f"refers in the VM: {text_of(outcome)}\n"
    status, found = check(HELLO)
    return problem + ("" if (status, found) == (0, {"breaks": [], "refers": []}) else f"hello: {status}, {found}\n")


def nested(path, inner, prefix="BOOT-INF/", start="Starts", classes=()):
    """A jar as Spring Boot's are: a launcher, the application's classes below a folder, jars within."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as jar:
        jar.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\r\nMain-Class: org.Launcher\r\nStart-Class: {start}\r\n\r\n")
        for name, content in classes:
            jar.writestr(f"{prefix}classes/{name}", content)
        jar.write(inner, f"{prefix}lib/inner.jar", zipfile.ZIP_STORED)


def in_places(folder):
    """Jars in jars, wars, folders, several releases in one jar; libraries for other machines."""
    with zipfile.ZipFile(f"{JARS}/check.jar") as jar:
        starts, refers = jar.read("Starts.class"), jar.read("Refers.class")
        jar.extract("Starts.class", folder / "classes")
    boot, war = folder / "boot.jar", folder / "app.war"
    nested(boot, f"{JARS}/check.jar", classes=[("Starts.class", starts)])
    nested(war, f"{JARS}/check.jar", "WEB-INF/", classes=[("Starts.class", starts)])
    problem = ""
    for path in (boot, war):
        status, found = check(path)
        inner = [one for one in found["refers"] if one["place"].startswith(f"{path.name}!") and one["place"].endswith("lib/inner.jar")]
        if status != 1 or [place(one) for one in found["breaks"]] != [f"{path.name}!Starts.go"] or not inner:
            problem += f"{path.name}: status {status}: {found}\n"
    status, found = check("-cp", folder / "classes", "Starts")
    if status != 1 or [place(one) for one in found["breaks"]] != [f"{folder}/classes!Starts.go"]:
        problem += f"a folder: status {status}: {found}\n"
    several = folder / "several.jar"
    with zipfile.ZipFile(several, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\nMain-Class: Refers\r\nMulti-Release: true\r\n\r\n")
        jar.writestr("Refers.class", refers)
        jar.writestr("META-INF/versions/11/Refers.class", starts.replace(b"Starts", b"Refers"))
        # Of a release that this JDK does not look at.
        jar.writestr("META-INF/versions/99/Refers.class", b"\xca\xfe\xba\xbe\0\0\1\0")
    status, found = check(several)
    if status != 1 or [place(one) for one in found["breaks"]] != ["several.jar!Refers.go"]:
        problem += f"several releases: status {status}: {found}\n"
    return problem + libraries(folder)


def libraries(folder):
    """Which of a jar's native libraries are told of."""
    with open(PROGRAM, "rb") as file:
        elf = file.read()
    other = elf[:18] + b"\xb7\0" + elf[20:]  # e_machine: AArch64

    def jar_with(name, **files):
        with zipfile.ZipFile(folder / name, "w") as jar:
            jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\nMain-Class: None\r\n\r\n")
            for machine, content in files.items():
                jar.writestr(f"{machine}/libx.so", content)
        return check(folder / name)

    problem = ""
    status, found = jar_with("fits.jar", amd64=elf, aarch64=other, text=b"no library")
    if status != 0 or found["refers"]:
        problem += f"a library that fits among others: {found}\n"
    status, found = jar_with("other.jar", aarch64=other)
    if status != 0 or [place(one) for one in found["refers"]] != ["other.jar!aarch64/libx.so"] or "another machine" not in str(found):
        problem += f"a library for another machine: {found}\n"
    needs = elf.replace(b"libc.so.6\0", b"libzzzz.6\0")
    status, found = jar_with("needs.jar", amd64=needs)
    return problem + ("" if "libzzzz.6" in str(found["refers"]) else f"a library that nobody has: {found}\n")


def as_text(folder):
    """For people: a line for each, the summary, advice on bad input; and a warning of who builds, once."""
    outcome = moka("check", "--jdk", jdks.find(17), f"{JARS}/check-starts.jar")
    lines = outcome.stdout.decode().splitlines()
    problem = expect(outcome, 1)
    if not lines[0].startswith("breaks: check-starts.jar!Starts.go starts a process") or " 1 will break" not in lines[-1]:
        problem += f"the text: {lines}\n"
    too_new = f"{JARS}/too-new.jar"
    if jdks.find(25):
        status, found = check(too_new)
        if status != 1 or found["breaks"][0]["kind"] != "classVersion":
            problem += f"too new: {status}, {found}\n"
    shutil.copy(f"{JARS}/check-starts.jar", folder / "starts.jar")
    built = moka("build", "--jdk", jdks.find(17), "--runtime", "trimmed", "--no-train", folder / "starts.jar", "-o", folder / "a.img")
    said = built.stderr.decode().splitlines()
    problem += expect(built)
    if len(said) != 1 or "Starts.go starts a process" not in said[0]:
        problem += f"moka build warned: {said}\n"
    return problem + "".join(refused(advice, *words) for advice, words in (
        ("No such file", ["check", "/no/such.jar"]), ("not a jar", ["check", f"{JARS}/not-a-jar.jar"]),
        ("cut short", ["check", f"{JARS}/truncated.jar"]), ("an image", ["check", folder / "a.img"]),
        ("directory", ["check", folder]), ("jar", ["check"])))


CASES = {"check, and the VM": as_said, "check in jars and folders": in_places, "check, as text": as_text}
