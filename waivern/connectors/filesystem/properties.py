"""What a runbook may say to the `filesystem` connector."""

from pydantic import Field

from waivern.files.selection import FileSelection


class FilesystemProperties(FileSelection):
    """The properties of `filesystem`: those of every connector of files, and `path`, a folder or one file."""

    path: str = Field(min_length=1)
