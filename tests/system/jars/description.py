# SPDX-License-Identifier: Apache-2.0
"""What is run: `tests/system/jars.csv` says which artifacts of Maven Central a program consists of, a TOML file in
programs/ how it is run, what is asked of it, and what of its answers is left out of the comparison and why."""

import csv
import dataclasses
import pathlib
import re
import shutil
import tarfile
import tomllib
from xml.sax.saxutils import escape

from system.artifacts import PLACE, Artifacts

TABLE = pathlib.Path("tests/system/jars.csv")
PROGRAMS = pathlib.Path("tests/system/jars/programs")
STORE = PLACE / "jars"
KEYS = {"title", "sample", "prepare", "words", "jvm", "jdks", "cpus", "memory", "stdin", "terminal", "ports", "compare",
        "files", "normalise", "step", "patience"}
STEPS = {"say", "ready", "get", "on", "body", "headers", "client", "input", "type", "signal", "send", "until", "close"}


@dataclasses.dataclass(frozen=True)
class Artifact:
    group: str
    name: str
    version: str
    type: str = "jar"
    classifier: str = ""

    @property
    def file(self):
        return "-".join(filter(None, (self.name, self.version, self.classifier))) + "." + self.type

    def dependency(self):
        """For a POM; without what it depends on in turn, since the table names all that is wanted."""
        words = (("groupId", self.group), ("artifactId", self.name), ("version", self.version), ("type", self.type),
                 ("classifier", self.classifier))
        return ("<dependency>" + "".join(f"<{tag}>{escape(word)}</{tag}>" for tag, word in words if word)
                + "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
                  "</dependency>")


def table():
    """{program: {Artifact: SHA-256}}."""
    found = {}
    with open(TABLE, newline="") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            for program in row["programs"].split():
                found.setdefault(program, {})[Artifact(*row["artifact"].split(":"))] = row["sha256"]
    return found


class Program:
    """One TOML file, and its artifacts."""

    def __init__(self, path, artifacts):
        self.name = path.stem
        data = tomllib.loads(path.read_text())
        unknown = data.keys() - KEYS | {key for step in data.get("step", ()) for key in step.keys() - STEPS}
        if unknown:
            raise ValueError(f"{path}: nobody knows what {', '.join(sorted(unknown))} means")
        self.title = data["title"]
        self.sample = data.get("sample", 0)          # the JDK of the run in test mode; 0: not in it
        self.prepare = data.get("prepare", [])       # java's words for a run on the host that readies the folder
        self.words = data["words"]
        self.jvm = data.get("jvm", [])
        self.jdks = data.get("jdks", [17, 25])
        self.cpus = data.get("cpus", 2)
        self.memory = data.get("memory", 768)
        self.stdin = data.get("stdin", "")
        self.terminal = data.get("terminal", False)
        self.ports = data.get("ports", [])           # names; {NAME} in texts becomes the number
        self.compare = data.get("compare", ["stdout", "stderr"])
        self.files = data.get("files", {})
        self.normalise = data.get("normalise", [])   # {pattern, by, why}
        self.steps = data.get("step", [])
        self.patience = data.get("patience", 1200)
        self.artifacts = artifacts

    def store(self):
        """Its artifacts, in a folder of this program's own."""
        place = STORE / self.name
        return Artifacts(str(place / "pom.xml"), place,
                         {artifact.file: total for artifact, total in self.artifacts.items()})

    def fetch(self):
        """'' once its artifacts are there, else why they are not."""
        store = self.store()
        store.place.mkdir(parents=True, exist_ok=True)
        (store.place / "pom.xml").write_text(
            '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
            f"<groupId>io.mokapot</groupId><artifactId>jars-{self.name}</artifactId><version>1</version>"
            "<packaging>pom</packaging><dependencies>"
            + "".join(artifact.dependency() for artifact in self.artifacts) + "</dependencies></project>\n")
        return store.fetch()

    def lay_out(self, folder, values):
        """The program as a user would have it on disk: artifacts in lib/, archives unpacked, its files."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.store().link(folder / "lib")
        for archive in sorted((folder / "lib").glob("*.tar.gz")):
            with tarfile.open(archive) as opened:
                opened.extractall(folder, **({"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}))
            archive.unlink()
        for name in ("home", "tmp"):
            (folder / name).mkdir()
        for name, text in self.files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.unlink(missing_ok=True)
            file.write_text(fill(text, values))

    def normal(self, text, values):
        """`text` without what may differ: the run's own values and what the program's file states."""
        for name, value in values.items():
            text = text.replace(value, f"<{name}>")
        for rule in self.normalise:
            text = re.sub(rule["pattern"], rule.get("by", ""), text, flags=re.MULTILINE)
        return text


def fill(text, values):
    """`text` with <NAME> replaced by the value of that name, where there is one."""
    for name, value in values.items():
        text = text.replace(f"<{name}>", value)
    return text


def programs():
    artifacts = table()
    found = [Program(path, artifacts.pop(path.stem, {})) for path in sorted(PROGRAMS.glob("*.toml"))]
    if artifacts:
        raise ValueError(f"{TABLE} names programs that have no file in {PROGRAMS}: {', '.join(artifacts)}")
    return found
