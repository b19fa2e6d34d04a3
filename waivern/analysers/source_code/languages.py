"""Detection of programming languages by file name, extension, or the beginning of the file."""

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
_FILE_NAMES = {
    "dockerfile": "dockerfile",
    "containerfile": "dockerfile",
    "makefile": "makefile",
    "rakefile": "ruby",
    "gemfile": "ruby",
    "jenkinsfile": "groovy",
    "vagrantfile": "ruby",
}
_INTERPRETERS = {
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
_BY_EXTENSION = {
    extension: language for language, extensions in _EXTENSIONS.items() for extension in extensions.split()
}
_SHEBANG = re.compile(r"#![^\n]*?/(?:env +(?:-\S+ +)*)?([A-Za-z]+)[0-9.]*(?:\s|\Z)")
_PHP_TAG = re.compile(r"\s*<\?php\b")

LANGUAGES = frozenset({*_EXTENSIONS, *_FILE_NAMES.values()})
"""All known languages, by their names in messages."""


def canonical_language(name: str) -> str | None:
    """Return the canonical name of a language for "PHP", "js" or "C#"; None if it is unknown."""
    language = name.strip().lower()
    language = _ALIASES.get(language, language)
    return language if language in LANGUAGES else None


def detect_language(path: str, content: str) -> str | None:
    """Return the language of a file; None if it is not source code in a known language."""
    name = PurePosixPath(path.replace("\\", "/").lower())
    by_name = _FILE_NAMES.get(name.name) or _FILE_NAMES.get(name.name.partition(".")[0] if name.suffix else "")
    language = by_name or _BY_EXTENSION.get(name.suffix.removeprefix("."))
    return language if language is not None else _detect_by_content(content, has_suffix=bool(name.suffix))


def _detect_by_content(content: str, *, has_suffix: bool) -> str | None:
    if content.startswith("#!"):
        interpreter = _SHEBANG.match(content[:200])
        return _INTERPRETERS.get(interpreter[1].lower()) if interpreter is not None else None
    return "php" if not has_suffix and _PHP_TAG.match(content) else None
