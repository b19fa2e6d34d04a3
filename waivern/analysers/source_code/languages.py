"""Which programming language a file is written in: by its name, its extension, or how it begins."""

import re
from pathlib import PurePosixPath

_EXTENSIONS = {
    "python": "py pyw pyi",
    "javascript": "js jsx mjs cjs",
    "typescript": "ts tsx mts cts",
    "php": "php php3 php4 php5 phtml inc",
    "java": "java",
    "go": "go",
    "ruby": "rb rake gemspec erb",
    "csharp": "cs csx cshtml razor",
    "sql": "sql ddl dml pgsql plsql",
    "c": "c h",
    "cpp": "cc cpp cxx hpp hh hxx",
    "rust": "rs",
    "kotlin": "kt kts",
    "swift": "swift",
    "scala": "scala sc",
    "objective_c": "m mm",
    "dart": "dart",
    "elixir": "ex exs",
    "perl": "pl pm",
    "lua": "lua",
    "r": "r",
    "shell": "sh bash zsh ksh",
    "powershell": "ps1 psm1",
    "html": "html htm xhtml",
    "css": "css scss sass less",
    "vue": "vue",
    "svelte": "svelte",
    "groovy": "groovy gradle",
    "terraform": "tf tfvars",
    "visual_basic": "vb vbs",
    "cobol": "cob cbl",
    "graphql": "graphql gql",
    "protobuf": "proto",
}
_NAMES = {
    "dockerfile": "dockerfile",
    "containerfile": "dockerfile",
    "makefile": "makefile",
    "rakefile": "ruby",
    "gemfile": "ruby",
    "jenkinsfile": "groovy",
    "vagrantfile": "ruby",
}
_PROGRAMS = {
    "python": "python",
    "node": "javascript",
    "deno": "typescript",
    "php": "php",
    "ruby": "ruby",
    "perl": "perl",
    "lua": "lua",
    "bash": "shell",
    "sh": "shell",
    "zsh": "shell",
    "ksh": "shell",
    "rscript": "r",
    "groovy": "groovy",
    "pwsh": "powershell",
}
_ALIASES = {
    "py": "python",
    "python3": "python",
    "js": "javascript",
    "jsx": "javascript",
    "node": "javascript",
    "ts": "typescript",
    "tsx": "typescript",
    "c#": "csharp",
    "c_sharp": "csharp",
    "cs": "csharp",
    "golang": "go",
    "rb": "ruby",
    "c++": "cpp",
    "bash": "shell",
    "sh": "shell",
    "objective-c": "objective_c",
}
_OF_EXTENSION = {extension: language for language, all_of in _EXTENSIONS.items() for extension in all_of.split()}
_SHEBANG = re.compile(r"#![^\n]*?/(?:env +(?:-\S+ +)*)?([A-Za-z]+)[0-9.]*(?:\s|\Z)")
_PHP = re.compile(r"\s*<\?php\b")

LANGUAGES = frozenset({*_EXTENSIONS, *_NAMES.values()})
"""All languages that are told, by the names that messages have."""


def language_named(name: str) -> str | None:
    """Return the language that a runbook means by "PHP", "js" or "C#"; None where there is none."""
    wanted = name.strip().lower()
    wanted = _ALIASES.get(wanted, wanted)
    return wanted if wanted in LANGUAGES else None


def language_of(path: str, content: str) -> str | None:
    """Return the language of a file; None where it is no source code, or of a language that is not known."""
    name = PurePosixPath(path.replace("\\", "/").lower())
    by_name = _NAMES.get(name.name) or _NAMES.get(name.name.partition(".")[0] if name.suffix else "")
    found = by_name or _OF_EXTENSION.get(name.suffix.removeprefix("."))
    return found if found is not None else _by_beginning(content, has_suffix=bool(name.suffix))


def _by_beginning(content: str, *, has_suffix: bool) -> str | None:
    if content.startswith("#!"):
        program = _SHEBANG.match(content[:200])
        return _PROGRAMS.get(program[1].lower()) if program is not None else None
    return "php" if not has_suffix and _PHP.match(content) else None
