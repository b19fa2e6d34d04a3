"""A parser of files that say what it does: it hangs, crashes or fills the memory."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from waivern.files.formats.model.document import Document, Part


def read(document: Document) -> Iterator[Part]:
    """Yield the first line of the file, then do what the second one says, with the third one as its argument."""
    text, fault, *argument = document.content.decode().split("\n")
    yield Part(text)
    result = FAULTS[fault](*argument)
    if result is not None:
        yield Part(result)


def _loop() -> None:
    while True:
        pass


def _fill_the_memory() -> str:
    return str([bytes(1_000_000) for _ in range(10_000)])


def _write_the_process_id_and_loop(path: str) -> None:
    Path(path).write_text(f"{os.getpid()}\n")
    _loop()


FAULTS: Mapping[str, Callable[..., str | None]] = {
    "loop": _loop,
    "loop in C": lambda: str(re.match("(a+)+$", "a" * 60 + "b")),
    "sleep": lambda: time.sleep(3600),
    "fill the memory": _fill_the_memory,
    "crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "exit": lambda: os._exit(0),
    "print": lambda: print("not a reply", flush=True),
    "show the environment": lambda: "\n".join(sorted(os.environ)),
    "write the process id and loop": _write_the_process_id_and_loop,
}
