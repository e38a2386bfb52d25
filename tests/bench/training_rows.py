# SPDX-License-Identifier: Apache-2.0
"""How soon an application starts with an archive of its classes: an archive that Mokapot has trained, which the Linux
guest gets, too, and for comparison the Linux guest without."""

import json
import os
import subprocess
import urllib.error
import urllib.request

import clients
import guests
from rows import Row, cpu_at

NAMES = ("hello-trained", "tomcat-start", "tomcat-trained")
PORT = 8080
FIRST_WITH_CACHE = 24        # of Java: an AOT cache, made in two runs
IN_GUEST = "/run/mokapot/artifacts"
PATIENCE = 300
# JDK: hello over the Linux guest without an archive, and with the same one.
HELLO_BARS = {17: (0.30, 0.45), 25: (0.25, 0.40)}
TOMCAT_BARS = (0.45, 0.65)


class Failed(Exception):
    pass


def words_of(paths):
    """What `moka run` gets for each application, behind the options."""
    return {"hello": (str(paths.hello_jar),),
            "tomcat": ("--dir", str(paths.tomcat), "-cp", "tomcat.jar:lib/*", "BenchTomcat", str(PORT))}


def options_of(release, archive):
    return f"-J-XX:AOTCache={archive}" if release >= FIRST_WITH_CACHE else f"-J-XX:SharedArchiveFile={archive}"


class Trainer:
    """Archives of both applications, made in VMs by the JDK that is measured."""

    def __init__(self, moka, jdk, release, folder, kernel):
        self.command = [str(moka), "run", "--output", "json", "--jdk", str(jdk), "-m", "1024", "-c", "2",
                        *(["--kernel", str(kernel)] if kernel else [])]
        self.release, self.folder = release, folder

    def archive(self, name, words):
        self.folder.mkdir(parents=True, exist_ok=True)
        archive = self.folder / f"{name}.archive"
        archive.unlink(missing_ok=True)
        inside = f"{IN_GUEST}/{archive.name}"
        if self.release < FIRST_WITH_CACHE:
            self.run(words, f"-J-XX:ArchiveClassesAtExit={inside}")
        else:
            recorded = f"-J-XX:AOTConfiguration={IN_GUEST}/{name}.configuration"
            self.run(words, "-J-XX:AOTMode=record", recorded)
            self.run(words, "-J-XX:AOTMode=create", recorded, f"-J-XX:AOTCache={inside}", ends=True)
        if not archive.exists():
            raise Failed(f"the JVM wrote no archive of {name}")
        return archive

    def run(self, words, *options, ends=False):
        # As in the runs that are measured.
        command = [*self.command, "--artifacts", str(self.folder), "-J-XX:MaxRAM=1g", *options, *words]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
            said = []
            for line in process.stderr:
                said.append(line)
                event = json.loads(line) if line.startswith("{") else {}
                if not ends and event.get("event") == "published" and event.get("address") == "127.0.0.1":
                    answer(f"http://127.0.0.1:{event['port']}/hello")
                    process.terminate()
        if process.returncode not in (0, 143):
            raise Failed(f"training ended with {process.returncode}: {''.join(said)[-500:]}")


def answer(url):
    """The first 200; the port is published before the server has begun to answer."""
    for _ in range(PATIENCE):
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as response:
                response.read()
                return
        except (urllib.error.URLError, ConnectionError):
            continue
    raise Failed(f"{url} does not answer")


def first_answer(load):
    def run(session):
        client = clients.Client(session, load)
        client.first_answer()
        client.stop()
    return run


def programs(paths, archives, release):
    """`archives`: by name; {} where none was made."""
    applications = words_of(paths)

    def tomcat(name, *options):
        return guests.Program(name, ("-J-XX:MaxRAM=1g", *options, *applications["tomcat"]), ("figure first-200",),
                              client=first_answer(paths.load), port=PORT, seconds=300)

    def with_archive(name):
        return (options_of(release, archives[name]),) if name in archives else ()

    return [guests.Program("hello-trained", ("-J-XX:MaxRAM=1g", *with_archive("hello"), *applications["hello"]), ("Hello",)),
            tomcat("tomcat-start"),
            tomcat("tomcat-trained", *with_archive("tomcat"))]


def rows(release):
    untrained, trained = HELLO_BARS.get(release, (None, None))

    def figure(sample):
        return sample.figure("first-200")

    def figure_cpu(sample):
        return sample.figure("first-200-cpu")

    return [
        Row("hello-trained", "hello with an archive, CPU-seconds to its output, over the Linux guest without", "s", "hello-trained",
            cpu_at("Hello"), ratio_bar=untrained, others_program="hello"),
        Row("hello-trained-both", "the same, both with the archive", "s", "hello-trained", cpu_at("Hello"), ratio_bar=trained),
        Row("tomcat-trained", "Tomcat with an archive, QEMU's start to the first 200 OK, over the Linux guest without", "s",
            "tomcat-trained", figure, cpu=figure_cpu, ratio_bar=TOMCAT_BARS[0], others_program="tomcat-start"),
        Row("tomcat-trained-both", "the same, both with the archive", "s", "tomcat-trained", figure, cpu=figure_cpu,
            ratio_bar=TOMCAT_BARS[1]),
    ]
