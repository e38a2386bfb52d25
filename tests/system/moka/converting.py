# SPDX-License-Identifier: Apache-2.0
"""Images in another format, and on another kernel or JDK: what stays must stay to the byte, and what goes wrong
leaves the image that was there."""

import contextlib
import json
import pathlib
import shutil
import signal
import subprocess
import time

from parts.process import run
from system import jdks
from system.images import small_file_system
from system.moka.common import HELLO, MOKA, PATIENCE, PROGRAM, base_environment, contents, expect, java, moka, refused, text_of


def manifest_of(image):
    return json.loads(moka("inspect", "--output", "json", image).stdout)


def layers_of(image):
    return {layer["name"]: layer["sha256"] for layer in manifest_of(image)["layers"]}


def equal(one, other):
    compared = run(["diff", "-r", str(one), str(other)] if pathlib.Path(one).is_dir() else ["cmp", str(one), str(other)], PATIENCE)
    return "" if compared.status == 0 else f"{one} and {other} differ: {text_of(compared)}\n"


def formats(folder):
    """Each format from each other one is what moka build would have made of it."""
    built = {"raw": folder / "built.img", "qcow2": folder / "built, too.qcow2", "pair": folder / "built"}
    for image in built.values():
        if problem := expect(moka("build", PROGRAM, "-o", image)):
            return problem
    problem = ""
    for kind, source in built.items():
        for wanted, like in built.items():
            other = folder / f"{wanted}-of-{kind}"
            problem += expect(moka("convert", "--format", wanted, source, "-o", other)) or equal(like, other)
    if not problem:
        problem += expect(moka("run", folder / "raw-of-pair")) + equal(f"{built['raw']}.cdx.json", folder / "raw-of-pair.cdx.json")
    left = [name for name in contents(folder) if "unfinished" in name]
    return problem + (f"left: {left}\n" if left else "")


def another_jdk(folder):
    """A newer JDK below the application, and back."""
    image, untouched, newest = folder / "app.qcow2", folder / "untouched.qcow2", jdks.find(25)
    if newest is None:
        return f"SKIP {jdks.reason_for_absence(25)}"
    if problem := expect(moka("build", *java("--runtime", "trimmed"), HELLO, "-o", image, "--", "built in")):
        return problem
    shutil.copy(image, untouched)
    before = layers_of(image)
    if problem := expect(moka("image", "rebase", "--jdk", newest, image)):
        return problem
    outcome, after = moka("run", image, "added"), layers_of(image)
    problem = expect(outcome)
    if outcome.stdout.decode() != "Hello from Java 25\nargument: built in\nargument: added\n":
        problem += f"on the other JDK: {text_of(outcome)}\n"
    if after["application"] != before["application"] or after["runtime"] == before["runtime"]:
        problem += f"layers before: {before}, after: {after}\n"
    bill = json.loads(pathlib.Path(f"{image}.cdx.json").read_text())
    versions = [component["version"] for component in bill["components"] if component["name"] == "OpenJDK"]
    if len(versions) != 1 or not versions[0].startswith("25"):
        problem += f"JDKs in the bill of materials: {versions}\n"
    problem += refused("newer JDK", "image", "rebase", "--jdk", jdks.find(17), image)
    problem += expect(moka("image", "rebase", "--revert", image)) + equal(image, untouched)
    bill = json.loads(pathlib.Path(f"{image}.cdx.json").read_text())
    if not any(component.get("version", "").startswith("17") for component in bill["components"]):
        problem += "the bill of materials is not the old one's\n"
    return problem + expect(moka("image", "rebase", "--revert", image)) + (layers_of(image) != after and "no way forth again\n" or "")


def doctored(image, *changes):
    """The raw image with words of its manifest and configuration changed for others of the same length."""
    content = image.read_bytes()
    for old, new in changes:
        assert len(old) == len(new) and old in content, old
        content = content.replace(old, new, 1)
    other = image.with_name(f"{len(list(image.parent.iterdir()))}.img")
    other.write_bytes(content)
    return other


def versions(folder):
    """Images of another version run, or moka says what to do; and that does it."""
    image = folder / "app.img"
    if problem := expect(moka("build", PROGRAM, "-o", image)):
        return problem
    contract, manifest = b'"contract": 1', b'"mokapotImage": 1'
    old = doctored(image, (contract, b'"contract": 0'), (b"version=1\0", b"version=0\0"))
    problem = refused("moka image rebase", "run", old)
    problem += expect(moka("inspect", old)) + expect(moka("image", "rebase", old)) + expect(moka("run", old))
    problem += expect(moka("image", "rebase", "--revert", old)) + refused("moka image rebase", "run", old)
    new = doctored(image, (contract, b'"contract": 2'))
    problem += refused("a newer moka", "run", new) + refused("a newer moka", "image", "rebase", new)
    problem += refused("a newer moka", "run", doctored(image, (manifest, b'"mokapotImage": 2')))
    problem += refused("build it again", "run", doctored(image, (manifest, b'"mokapotImage": 0')))
    return problem + refused("damaged", "run", doctored(image, (contract, b'"contract": x')))


def bad_images(folder):
    """Refused in one line, and nothing is made."""
    image, pair, place = folder / "app.img", folder / "pair", folder / "place"
    place.mkdir()
    for output in (image, pair):
        if problem := expect(moka("build", PROGRAM, "-o", output)):
            return problem
    content = image.read_bytes()
    flawed = folder / "flawed.img"
    last = max(int.from_bytes(content[entry + 32:entry + 40], "little") for entry in range(1024, 1024 + 8 * 128, 128)) * 512
    flawed.write_bytes(content[:last + 2000] + b"flaw" + content[last + 2004:])
    cut = folder / "cut.img"
    cut.write_bytes(content[:-(1 << 21)])
    incomplete = folder / "incomplete"
    shutil.copytree(pair, incomplete)
    (incomplete / "disk.img").unlink()
    there = {name: (folder / name).stat().st_mtime_ns for name in contents(folder)}
    out = place / "out.img"
    problem = "".join(refused(advice, *words) for words, advice in (
        (["convert", flawed, "-o", out], "layer application is damaged"),
        (["convert", cut, "-o", out], "cannot be used"),
        (["convert", incomplete, "-o", out], "lacks disk.img"),
        (["convert", image, "-o", place / "out.vmdk"], "AHCI"),
        (["convert", image, "-o", image], "onto itself"),
        (["convert", image], "-o OTHER"),
        (["convert", PROGRAM, "-o", out], "cannot be used"),
        (["image", "rebase"], "which image"),
        (["image", "rebase", flawed], "layer application is damaged"),
        (["image", "rebase", "--jdk", jdks.find(17), image], "no JDK"),
        (["image", "rebase", "--kernel", "/no/such", image], "no kernel"),
        (["image", "rebase", "--revert", image], "nothing to go back to"),
        (["image", "rebase", "--revert", "--jdk", "x", image], "takes no --jdk"),
        (["image", "rebase", folder / "nothing"], "cannot be used")))
    if contents(place) or there != {name: (folder / name).stat().st_mtime_ns for name in contents(folder)}:
        problem += f"something was made: {contents(place)} {contents(folder)}\n"
    return problem


def small_disk(folder):
    """No room for the other image: the one that was there stays, alone."""
    image = folder / "app.img"
    if problem := expect(moka("build", PROGRAM, "-o", image)):
        return problem
    with small_file_system(folder / "small") as place:
        if place is None:
            return "SKIP no right to mount a small file system"
        old = place / "old.img"
        old.write_text("old")
        problem = refused("No space left", "convert", image, "-o", old)
        if old.read_text() != "old" or contents(place) != ["old.img"]:
            problem += f"the folder holds {contents(place)}\n"
    return problem


def interrupted(folder):
    """Ctrl-C in the middle: the signal ends moka, the image is as it was, and nothing lies beside it."""
    place, cache = folder / "place", folder / "cache"
    place.mkdir()
    image = place / "app.qcow2"
    env = base_environment()
    if problem := expect(moka("build", *java("--runtime", "whole"), HELLO, "-o", image, env=env)):
        return problem
    before, there = image.read_bytes(), contents(place)
    done = 0
    for words in (["convert", image, "-o", place / "other.qcow2"], ["image", "rebase", image]):
        process = subprocess.Popen([MOKA, *map(str, words)], env=env | {"XDG_CACHE_HOME": str(cache)}, stderr=subprocess.PIPE)
        end = time.monotonic() + PATIENCE
        # Layers have been taken out, and the image is being written.
        while process.poll() is None and not any("unfinished" in name for name in contents(place)) and time.monotonic() < end:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=PATIENCE)[1].decode(errors="replace")
        if process.returncode == 0:
            done += 1
            with contextlib.suppress(FileNotFoundError):
                (place / "other.qcow2").unlink()
                (place / "other.qcow2.cdx.json").unlink()
            continue
        if process.returncode != -signal.SIGINT or contents(place) != there or image.read_bytes() != before:
            return f"moka {words[0]}: {process.returncode}: {said}\nleft: {contents(place)}, wanted {there}"
        if left := [path.name for path in cache.rglob("building.*")]:
            return f"moka {words[0]} left {left} in the cache"
    return "SKIP moka was done before each signal came" if done == 2 else ""


CASES = {"from format to format": formats, "another JDK below": another_jdk, "images of other versions": versions,
         "bad images": bad_images, "a disk too small to convert": small_disk, "convert, rebase interrupted": interrupted}
