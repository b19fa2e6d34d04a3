"""The identity of a process, with which another process of the host can check whether it is still alive."""

import functools
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_STATE, _START_TIME = 0, 19  # fields of /proc/PID/stat after the name: proc(5) numbers them 3 and 22
_ENDED = ("Z", "X")
_STOPPED = ("T", "t")


@dataclass(frozen=True)
class ProcessIdentity:
    """A process: its host, its boot of that host, its PID, and when it started.

    `boot` includes the PID namespace, because two containers of one machine do not see each other's processes.
    `start` is in clock ticks since the boot; empty where the operating system does not tell it. It distinguishes a
    process from a later one with the same PID.
    """

    host: str
    boot: str
    pid: int
    start: str = ""

    def __str__(self) -> str:
        start = f"@{self.start}" if self.start else ""
        return f"{self.host}|{self.boot}|{self.pid}{start}"

    @classmethod
    def parse(cls, text: str) -> "ProcessIdentity":
        host, boot, process = text.rsplit("|", 2)
        pid, _, start = process.partition("@")
        return cls(host, boot, int(pid), start)

    @classmethod
    def this_process(cls) -> "ProcessIdentity":
        pid = os.getpid()
        return cls(socket.gethostname(), _boot_id(), pid, _own_start(pid))

    def is_known_dead(self) -> bool:
        """Return True if the process has certainly ended; False if it is alive, or cannot be checked from here.

        Only the same boot and PID namespace prove anything: a different boot id under the same host name may be a
        different machine, or this one before a reboot.
        """
        return self._is_of_this_boot() and not self._is_alive()

    def is_known_working(self) -> bool:
        """Return True if the process is certainly alive and not stopped (SIGSTOP); False if that is not known."""
        if not self.start or not self._is_of_this_boot() or not self._is_alive():
            return False
        return _stat_fields(self.pid)[_STATE : _STATE + 1] not in ([state] for state in _STOPPED)

    def _is_of_this_boot(self) -> bool:
        here = ProcessIdentity.this_process()
        return bool(here.boot) and (self.host, self.boot) == (here.host, here.boot)

    def _is_alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # a process of another user
        fields = _stat_fields(self.pid)
        if not fields:
            return True
        is_same = not self.start or fields[_START_TIME] == self.start
        return is_same and fields[_STATE] not in _ENDED  # a killed process keeps its PID until its parent waits for it


@functools.cache
def _own_start(pid: int) -> str:
    fields = _stat_fields(pid)
    return fields[_START_TIME] if fields else ""


def _stat_fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the process's name; empty if there are none."""
    with suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        fields = stat.rpartition(")")[2].split()
        return fields if len(fields) > _START_TIME else []
    return []


@functools.cache
def _boot_id() -> str:
    """Return the kernel's boot id and the PID namespace; empty if the operating system has neither."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    return ""
