"""The value patterns that follow from how code takes a third party's service into use: packages, hosts, settings."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from waivern.rulesets.model.rule import Confidence, Uses, ValuePattern

OF_PACKAGE = Confidence(alone=0.9, in_context=0.95)
OF_SCOPE = Confidence(alone=0.88, in_context=0.93)
"""A rule that names a package of the scope is surer of it."""

OF_HOST = Confidence(alone=0.8, in_context=0.9)
OF_SETTING = Confidence(alone=0.75, in_context=0.85)

_VERSION_OF_NPM = r'"[ \t]?:[ \t]?"(?:[0-9v^~><=*]|latest|next|workspace:|npm:|catalog:)'
_KEY_NAMES = (
    "(?:[A-Z]{1,20}_){0,2}(?:KEY|SECRET|TOKEN|DSN|KEY_ID|CLIENT_ID|ACCOUNT_ID|ACCOUNT_SID|APP_ID|PROJECT_ID|TRACKING_ID"
    "|SITE_ID|PASSWORD|WEBHOOK_URL|ENDPOINT|API_URL|USERNAME)"
)


class _Way(NamedTuple):
    """A way of use: what its pattern is called, how sure it is, and of names its regex and the texts it is found by."""

    label: str
    confidence: Confidence
    regex_of: Callable[[tuple[str, ...]], str]
    literals: tuple[str, ...]
    validator: str = ""


def patterns_of(uses: Uses) -> Iterator[ValuePattern]:
    """Yield one pattern for each way of use that is named; its name says which."""
    for kind, way in _WAYS.items():
        names: tuple[str, ...] = getattr(uses, kind)
        if names:
            literals = {form.format(name) for name in names for form in way.literals}
            yield ValuePattern(
                name=way.label,
                regex=way.regex_of(names),
                confidence=way.confidence,
                validator=way.validator,
                literals=tuple(sorted(literals)),
            )


def _python(names: tuple[str, ...]) -> str:
    """A name with a dash is only what pip installs, one with a dot only what is imported."""
    imported = _one_of(name for name in names if "-" not in name)
    installed = _one_of(name for name in names if "." not in name)
    regexes = []
    if imported:
        regexes.append(
            rf"\bfrom {imported}(?:\.[A-Za-z0-9_.]+)? import\b"
            rf"|\bimport (?:[a-z0-9_]{{1,40}}, ){{0,4}}{imported}\b(?:[ \t]+[A-Za-z]{{1,12}})?"
        )
    if installed:
        regexes.append(
            rf"\b{installed}(?:\[[A-Za-z0-9_,-]+\])?[ ]?[=~>]=[ ]?[0-9]{{1,4}}\.[0-9*]"
            rf"|\b{installed} = (?:\"[\^~>=*0-9]|\{{ ?version)|\bpip3? install {installed}\b"
        )
    return "|".join(regexes)


def _npm(names: tuple[str, ...]) -> str:
    return _of_npm(_one_of(names), end="[\"'`/]")


def _npm_scopes(names: tuple[str, ...]) -> str:
    return _of_npm(rf"{_one_of(names)}/[a-z0-9._-]+", end="")


def _of_npm(named: str, *, end: str) -> str:
    return (
        rf"(?:\bfrom ?|\brequire\(|\bimport[ (])[\"'`]{named}{end}"
        rf"|\"{named}{_VERSION_OF_NPM}|\b(?:npm (?:install|i)|yarn add|pnpm add) {named}\b"
    )


def _composer(names: tuple[str, ...]) -> str:
    return rf"\"{_one_of(names)}\"[ \t]?:[ \t]?\"[0-9v^~><=*]|\bcomposer require {_one_of(names)}\b"


def _php(names: tuple[str, ...]) -> str:
    return rf"(?:\b(?:use|new) \\?|[( =]\\){_one_of(names)}\\[A-Z]"


def _java(names: tuple[str, ...]) -> str:
    group = _one_of(names)
    return rf"\bimport (?:static )?{group}\.[A-Za-z]|<groupId>{group}[<.]|[\"']{group}[A-Za-z.]*:[a-z]"


def _go(names: tuple[str, ...]) -> str:
    module = _one_of(names)
    return rf"\"{module}[\"/]|\b{module}(?:/[a-z0-9/]+)? v[0-9]"


def _ruby(names: tuple[str, ...]) -> str:
    return rf"\bgem [\"']{_one_of(names)}[\"']|\brequire [\"']{_one_of(names)}[\"'/]"


def _dotnet(names: tuple[str, ...]) -> str:
    named = _one_of(names)
    return rf"\busing (?:static )?{named}[.;]|\b(?:Include|id)=\"{named}[\".]|\bdotnet add package {named}\b"


def _hosts(names: tuple[str, ...]) -> str:
    return rf"\b{_one_of(names)}\b"


def _subdomains(names: tuple[str, ...]) -> str:
    return rf"(?:[A-Za-z0-9_${{}}-]+\.)+{_one_of(names)}\b"


def _settings(names: tuple[str, ...]) -> str:
    return rf"(?:\b|_){_one_of(names)}_{_KEY_NAMES}\b"


def _one_of(names: Iterable[str]) -> str:
    return _alternatives(re.escape(name) for name in names)


def _alternatives(regexes: Iterable[str]) -> str:
    several = "|".join(regexes)
    return f"(?:{several})" if "|" in several else several


_OF_NPM = ('"{}', "'{}", "`{}", "install {}", "npm i {}", "add {}")
_WAYS = {
    "python": _Way(
        "Python package",
        OF_PACKAGE,
        _python,
        (
            "import {}",
            ", {}",
            "from {}",
            "install {}",
            "{}==",
            "{}>=",
            "{}~=",
            "{} ==",
            "{} >=",
            "{} ~=",
            "{}[",
            '{} = "',
            "{} = {{",
        ),
        "import_statement",
    ),
    "npm": _Way("npm package", OF_PACKAGE, _npm, _OF_NPM),
    "npm_scopes": _Way("npm scope", OF_SCOPE, _npm_scopes, tuple(f"{form}/" for form in _OF_NPM)),
    "composer": _Way("Composer package", OF_PACKAGE, _composer, ('"{}"', "require {}")),
    "php": _Way("PHP namespace", OF_PACKAGE, _php, ("{}\\",)),
    "java": _Way("Java package", OF_PACKAGE, _java, ("import {}.", "static {}.", ">{}", "'{}", '"{}')),
    "go": _Way("Go module", OF_PACKAGE, _go, ("{}",)),
    "ruby": _Way("Ruby gem", OF_PACKAGE, _ruby, ("'{}", '"{}')),
    "dotnet": _Way(".NET package", OF_PACKAGE, _dotnet, ("using {}", "static {}", '="{}', "package {}")),
    "hosts": _Way("host", OF_HOST, _hosts, ("{}",)),
    "subdomains_of": _Way("subdomain", OF_HOST, _subdomains, (".{}",), "service_host"),
    "settings": _Way("setting", OF_SETTING, _settings, ("{}_",)),
}
