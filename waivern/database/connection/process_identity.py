"""Which process owns a run, said so that another process can tell whether it is still alive."""

import functools
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Owner:
    """A process: `host` names the machine, `boot` the time since it was started, `pid` the process.

    Two containers of one machine do not see each other's processes, so `boot` tells their process namespaces apart.
    """

    host: str
    boot: str
    pid: int

    def __str__(self) -> str:
        return f"{self.host}|{self.boot}|{self.pid}"

    @classmethod
    def parse(cls, text: str) -> "Owner":
        host, boot, pid = text.rsplit("|", 2)
        return cls(host, boot, int(pid))

    @classmethod
    def this_process(cls) -> "Owner":
        return cls(socket.gethostname(), _boot(), os.getpid())

    def is_known_dead(self) -> bool:
        """Say whether the process has certainly ended; False also where that cannot be told from here.

        Only the same boot of the same kernel, seen from the same namespace, proves anything: another boot id under the
        same name may be another machine as well as this one before it was started anew.
        """
        here = Owner.this_process()
        return bool(here.boot) and (self.host, self.boot) == (here.host, here.boot) and not _is_alive(self.pid)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """A killed process whose parent has not asked for it yet has a number, but does nothing any more."""
    with suppress(OSError, IndexError):
        said = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return said.rpartition(")")[2].split()[0] == "Z"
    return False


@functools.cache
def _boot() -> str:
    """The kernel's id of this boot and the process namespace; empty where the system has no such thing."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    return ""
