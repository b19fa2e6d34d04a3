"""A plug-in package with misbehaving components, installed by putting its folder on the Python path.

Runs start as real processes, so they must find the components through entry points, like any plug-in.
"""

from pathlib import Path

_CONNECTORS = """
import logging, os, subprocess, sys, threading, time
from waivern import ComponentError, ComponentFactory, Connector, Message, Schema

STANDARD = Schema("standard_input", "1.0.0")


class Odd(Connector):
    def __init__(self, properties):
        self.properties = properties

    @classmethod
    def get_name(cls):
        return "odd"

    @classmethod
    def get_supported_output_schemas(cls):
        return [STANDARD]

    def extract(self, output_schema):
        return getattr(self, self.properties.get("does", "gives"))()

    def gives(self):
        texts = self.properties.get("texts", ["hello"])
        metadata = {"source": "odd", "connector_type": "odd"}
        content = {
            "schemaVersion": "1.0.0",
            "name": "odd",
            "source": "odd",
            "metadata": {"not_scanned": self.properties.get("not_scanned", [])},
            "data": [{"content": text, "metadata": metadata} for text in texts],
        }
        return Message("odd", content, STANDARD)

    def echoes(self):
        return Message("", {**self.gives().content, "name": str(self.properties["secret"])}, STANDARD)

    def fails(self):
        raise ComponentError(self.properties.get("text", "The source is not there"))

    def raises(self):
        raise RuntimeError(self.properties.get("text", "unexpected"))

    def exits(self):
        sys.exit(0)

    def hangs(self):
        threading.Event().wait()

    def is_slow(self):
        time.sleep(float(self.properties.get("seconds", 0.3)))
        return self.gives()

    def marks(self):
        with open(self.properties["file"], "a") as file:
            file.write(self.properties["name"] + "\\n")
        return self.is_slow()

    def prints(self):
        print("a word on standard output")
        return self.gives()

    def logs(self):
        logging.getLogger("odd").error("It says %s", self.properties["text"])
        logging.getLogger("odd").error("and in a traceback", exc_info=RuntimeError(self.properties["text"]))
        return self.gives()

    def breaks_a_thread(self):
        def fail():
            raise RuntimeError(self.properties["text"])

        thread = threading.Thread(target=fail, name="broken")
        thread.start()
        thread.join()
        return self.gives()

    def breaks_a_finaliser(self):
        text = self.properties["text"]

        class Broken:
            def __del__(self):
                raise RuntimeError(text)

        Broken()
        return self.gives()

    def starts_a_program(self):
        program = ["setsid", "sleep", "1000"] if self.properties.get("in_own_session") else ["sleep", "1000"]
        pid = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid
        print("started", pid, flush=True)
        return self.hangs() if self.properties.get("hangs") else self.gives()


class OddFactory(ComponentFactory):
    @property
    def component_class(self):
        return Odd

    def create(self, properties):
        if properties.get("logs_when_made"):
            logging.getLogger("odd").error("made with %s", properties)
        if properties.get("exits_when_made"):
            sys.exit(0)
        return Odd(properties)
"""

_ENTRY_POINTS = """
[waivern.connectors]
odd = odd_components_under_test:OddFactory
missing = odd_components_under_test:NothingOfThisName
"""


def install_odd_components(folder: Path) -> Path:
    """Write the package into `folder`, and return that folder, to be put on the path of Python."""
    information = folder / "odd_components-1.0.dist-info"
    information.mkdir(parents=True)
    (folder / "odd_components_under_test.py").write_text(_CONNECTORS)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-components\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(_ENTRY_POINTS)
    return folder
