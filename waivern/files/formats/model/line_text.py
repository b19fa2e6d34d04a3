"""Text extracted from a file that keeps the file's line numbers, so that findings name the right lines."""


class LineText:
    """Collects texts, each in its line of the file; texts of one line are separated by " | "."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._line = 1
        self._at_line_start = True

    def add(self, text: str, *, line: int, separate: bool = True) -> None:
        """Add a text that begins in `line` (from 1). Texts are added in the order of the file.

        Args:
            separate: Whether the text is separate from the previous one, or continues it.
        """
        if not text:
            return
        if line > self._line:
            self._texts.append("\n" * (line - self._line))
            self._line = line
        elif separate and not self._at_line_start:
            self._texts.append(" | ")
        self._texts.append(text)
        self._line += text.count("\n")
        self._at_line_start = text.endswith("\n")

    def __bool__(self) -> bool:
        return any(text.strip() for text in self._texts)

    def text(self) -> str:
        return "".join(self._texts)
