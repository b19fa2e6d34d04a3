"""Parsing one file within limits of time and memory."""

from collections.abc import Iterator
from dataclasses import dataclass

from waivern.files.formats.model.document import Document, FormatError, Member, Part
from waivern.files.formats.registry import Format
from waivern.files.parsers.process import CrashedError, TimeLimitError, processes
from waivern.files.parsers.wire import End, Extracted, Reply, Request, Text, Unpacked
from waivern.files.reading import UnreadableError, within_limit
from waivern.messages.not_scanned import NotScanned, ReasonCode


@dataclass(frozen=True)
class FileLimits:
    """What one file may take: processor time in seconds, memory in bytes."""

    seconds: float
    memory: int


def parse(document: Document, format_: Format, limits: FileLimits) -> Iterator[Text | Part | Member | NotScanned]:
    """Parse a file in a parser process, and yield what its format extracts; of a text format, first its encoding.

    Raises:
        FormatError: a text that does not follow the format; nothing is yielded before.
        UnreadableError: the file cannot be read, or not to its end.
    """
    request = Request(
        format_.module,
        format_.is_text,
        format_.has_one_encoding,
        document.name,
        document.limit,
        document.encoding,
        limits.seconds,
        limits.memory,
    )
    try:
        with processes.borrow() as process:
            for reply in process.parse(request, document.content):
                if isinstance(reply, End):
                    _raise_error(reply, format_, limits)
                else:
                    yield _extract(reply)
    except OSError as error:
        reason = f"no process can be started to parse it: {error.strerror}"
        raise UnreadableError(reason, ReasonCode.UNREADABLE) from None
    except TimeLimitError:
        raise _time_limit_error(limits) from None
    except CrashedError as error:
        if error.signal_name == "SIGKILL":  # the system was out of memory
            raise _memory_limit_error(limits) from None
        end = f"ended by {error.signal_name}" if error.signal_name else "ended"
        reason = f"{format_.description} that cannot be read: the parser {end}"
        raise UnreadableError(reason, ReasonCode.DAMAGED) from None


def _extract(reply: Reply) -> Text | Part | Member | NotScanned:
    if isinstance(reply, Extracted):
        return Part(reply.content, reply.metadata)
    if isinstance(reply, Text):
        return reply
    if isinstance(reply, Unpacked):
        content = reply.content
        return Member(reply.name, lambda limit: within_limit(content, limit))
    assert not isinstance(reply, End)
    return NotScanned(reply.name, reply.reason, ReasonCode(reply.code))


def _raise_error(end: End, format_: Format, limits: FileLimits) -> None:
    if not end.follows_format:
        raise FormatError
    if end.code == ReasonCode.MEMORY_LIMIT:
        raise _memory_limit_error(limits)
    if end.code:
        reason = end.reason or f"{format_.description} that cannot be read"
        raise UnreadableError(reason, ReasonCode(end.code))


def _time_limit_error(limits: FileLimits) -> UnreadableError:
    reason = f"parsing it takes more than file_time_limit ({limits.seconds:g} seconds)"
    return UnreadableError(reason, ReasonCode.TIME_LIMIT)


def _memory_limit_error(limits: FileLimits) -> UnreadableError:
    reason = f"parsing it takes more than file_memory_limit ({limits.memory} bytes)"
    return UnreadableError(reason, ReasonCode.MEMORY_LIMIT)
