"""The identity of a process, with which another process of the host can check whether it is still alive."""

import functools
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ProcessIdentity:
    """A process: its host, its boot of that host, and its PID.

    `boot` includes the PID namespace, because two containers of one machine do not see each other's processes.
    """

    host: str
    boot: str
    pid: int

    def __str__(self) -> str:
        return f"{self.host}|{self.boot}|{self.pid}"

    @classmethod
    def parse(cls, text: str) -> "ProcessIdentity":
        host, boot, pid = text.rsplit("|", 2)
        return cls(host, boot, int(pid))

    @classmethod
    def this_process(cls) -> "ProcessIdentity":
        return cls(socket.gethostname(), _boot_id(), os.getpid())

    def is_known_dead(self) -> bool:
        """Return True if the process has certainly ended; False if it is alive, or cannot be checked from here.

        Only the same boot and PID namespace prove anything: a different boot id under the same host name may be a
        different machine, or this one before a reboot.
        """
        here = ProcessIdentity.this_process()
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
    """A killed process keeps its PID until its parent waits for it."""
    with suppress(OSError, IndexError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return stat.rpartition(")")[2].split()[0] == "Z"
    return False


@functools.cache
def _boot_id() -> str:
    """Return the kernel's boot id and the PID namespace; empty if the operating system has neither."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    return ""
