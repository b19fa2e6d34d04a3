"""A plug-in whose connector and analyser log each call, and can hang or crash in many ways."""

from pathlib import Path

_COMPONENTS = '''
import ctypes, json, os, re, subprocess, threading, time
from waivern import Analyser, ComponentFactory, Connector, Message, Schema
from waivern.runs.run_context import current_run

STANDARD = Schema("standard_input", "1.0.0")


def content(name):
    metadata = {"source": name, "connector_type": "faulty"}
    return {"schemaVersion": "1.0.0", "name": name, "source": name, "data": [{"content": name, "metadata": metadata}]}


class Faulty:
    """Writes a line to the journal, misbehaves as configured, and writes another line."""

    def __init__(self, properties):
        self.properties = properties

    def work(self):
        properties = self.properties
        name = str(properties["name"])
        self.note(name, "begins")
        only_first = properties.get("only_first")
        if not only_first or self.times(name) == 1:
            getattr(self, properties.get("does", "sleeps"))(float(properties.get("seconds", 0)))
        self.note(name, "ends")
        return Message("", content(name), STANDARD)

    def note(self, name, what):
        journal = self.properties.get("journal")
        if journal:
            run = current_run()
            known = {"name": name, "what": what, "pid": os.getpid(), "at": time.time()}
            line = json.dumps({**known, "run": run and run.run_id}) + "\\n"
            with open(journal, "ab", buffering=0) as file:
                file.write(line.encode())

    def times(self, name):
        with open(self.properties["journal"]) as file:
            return sum(1 for line in file if json.loads(line)["name"] == name)

    def sleeps(self, seconds):
        time.sleep(seconds)

    def hangs(self, seconds):
        threading.Event().wait()

    def loops_in_python(self, seconds):
        while True:
            pass

    def loops_in_c(self, seconds):
        sum(range(10**15))

    def matches_for_ever(self, seconds):
        re.match(r"(a+)+$", "a" * 60 + "b")

    def crashes(self, seconds):
        ctypes.string_at(0)

    def leaves(self, seconds):
        os._exit(7)

    def starts_a_program(self, seconds):
        environment = {"PATH": os.environ["PATH"]} if self.properties.get("clears_environment") else None
        shell = ["sh", "-c", self.properties["program"]]
        process = subprocess.Popen(shell, env=environment, stdout=subprocess.PIPE)
        self.note("program", process.stdout.readline().decode().strip())
        if self.properties.get("then_hangs"):
            self.hangs(seconds)


class FaultySource(Faulty, Connector):
    @classmethod
    def get_name(cls):
        return "faulty"

    @classmethod
    def get_supported_output_schemas(cls):
        return [STANDARD]

    def extract(self, output_schema):
        return self.work()


class FaultyAnalyser(Faulty, Analyser):
    @classmethod
    def get_name(cls):
        return "faulty"

    @classmethod
    def get_input_requirements(cls):
        return [[STANDARD]]

    @classmethod
    def get_supported_output_schemas(cls):
        return [STANDARD]

    def process(self, inputs, output_schema):
        return self.work()


class SourceFactory(ComponentFactory):
    component_class = FaultySource

    def __init__(self, container):
        pass

    def create(self, properties):
        return FaultySource(properties)


class AnalyserFactory(ComponentFactory):
    component_class = FaultyAnalyser

    def __init__(self, container):
        pass

    def create(self, properties):
        return FaultyAnalyser(properties)
'''

_ENTRY_POINTS = """
[waivern.connectors]
faulty = waivern_faulty_components:SourceFactory
[waivern.analysers]
faulty = waivern_faulty_components:AnalyserFactory
"""


def install(folder: Path) -> Path:
    """Write the plug-in into `folder`, which then belongs on PYTHONPATH; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "waivern_faulty_components.py").write_text(_COMPONENTS, encoding="utf-8")
    about = folder / "waivern_faulty_components-1.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: waivern-faulty-components\nVersion: 1\n")
    (about / "entry_points.txt").write_text(_ENTRY_POINTS, encoding="utf-8")
    return folder
