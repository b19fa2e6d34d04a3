"""Text taken out of a file such that each piece stays in its line: what is found names the file's own lines."""


class LinedText:
    """Gathers pieces of text, each in its line; pieces of one line are kept apart by " | "."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._line = 1
        self._has_blank = True

    def put(self, piece: str, *, line: int, apart: bool = True) -> None:
        """Take a piece that begins in `line` (from 1). Pieces come in the order in which they stand in the file.

        Args:
            apart: Whether the piece is a text of its own, or goes on with the one before it.
        """
        if not piece:
            return
        if line > self._line:
            self._pieces.append("\n" * (line - self._line))
            self._line = line
        elif apart and not self._has_blank:
            self._pieces.append(" | ")
        self._pieces.append(piece)
        self._line += piece.count("\n")
        self._has_blank = piece.endswith("\n")

    def __bool__(self) -> bool:
        return any(piece.strip() for piece in self._pieces)

    def text(self) -> str:
        return "".join(self._pieces)
