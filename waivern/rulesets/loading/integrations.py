"""Builds patterns that recognise how code uses a third-party service: by packages, hosts and environment variables."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from waivern.rulesets.model.rule import Confidence, Integration, Pattern

PACKAGE_CONFIDENCE = Confidence(alone=0.9, with_context=0.95)
SCOPE_CONFIDENCE = Confidence(alone=0.88, with_context=0.93)
"""Lower than a package's, so that a rule that names a package of the scope takes precedence."""

HOST_CONFIDENCE = Confidence(alone=0.8, with_context=0.9)
ENVIRONMENT_CONFIDENCE = Confidence(alone=0.75, with_context=0.85)

_NPM_VERSION = r'"[ \t]?:[ \t]?"(?:[0-9v^~><=*]|latest|next|workspace:|npm:|catalog:)'
_VARIABLE_SUFFIX = (
    "(?:[A-Z]{1,20}_){0,2}(?:KEY|SECRET|TOKEN|DSN|KEY_ID|CLIENT_ID|ACCOUNT_ID|ACCOUNT_SID|APP_ID|PROJECT_ID|TRACKING_ID"
    "|SITE_ID|PASSWORD|WEBHOOK_URL|ENDPOINT|API_URL|USERNAME)"
)


class _Template(NamedTuple):
    """A template for the pattern of one key of `Integration`.

    Args:
        label: The name of the pattern.
        confidence: The confidence of the pattern.
        build_regex: Returns the regular expression for the names under the key.
        literals: Format strings for the literals of one name.
        validator: The validator of the pattern.
    """

    label: str
    confidence: Confidence
    build_regex: Callable[[tuple[str, ...]], str]
    literals: tuple[str, ...]
    validator: str = ""


def integration_patterns(integration: Integration) -> Iterator[Pattern]:
    """Yield one pattern for each key of `integration` that has names."""
    for key, template in _TEMPLATES.items():
        names: tuple[str, ...] = getattr(integration, key)
        if names:
            literals = {literal.format(name) for name in names for literal in template.literals}
            yield Pattern(
                name=template.label,
                regex=template.build_regex(names),
                confidence=template.confidence,
                validator=template.validator,
                literals=tuple(sorted(literals)),
            )


def _python(names: tuple[str, ...]) -> str:
    """A name with a dash can only be installed by pip; one with a dot can only be imported."""
    imported = _any_of(name for name in names if "-" not in name)
    installed = _any_of(name for name in names if "." not in name)
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
    return _npm_regex(_any_of(names), end="[\"'`/]")


def _npm_scopes(names: tuple[str, ...]) -> str:
    return _npm_regex(rf"{_any_of(names)}/[a-z0-9._-]+", end="")


def _npm_regex(package: str, *, end: str) -> str:
    return (
        rf"(?:\bfrom ?|\brequire\(|\bimport[ (])[\"'`]{package}{end}"
        rf"|\"{package}{_NPM_VERSION}|\b(?:npm (?:install|i)|yarn add|pnpm add) {package}\b"
    )


def _composer(names: tuple[str, ...]) -> str:
    return rf"\"{_any_of(names)}\"[ \t]?:[ \t]?\"[0-9v^~><=*]|\bcomposer require {_any_of(names)}\b"


def _php(names: tuple[str, ...]) -> str:
    return rf"(?:\b(?:use|new) \\?|[( =]\\){_any_of(names)}\\[A-Z]"


def _java(names: tuple[str, ...]) -> str:
    group = _any_of(names)
    return rf"\bimport (?:static )?{group}\.[A-Za-z]|<groupId>{group}[<.]|[\"']{group}[A-Za-z.]*:[a-z]"


def _go(names: tuple[str, ...]) -> str:
    module = _any_of(names)
    return rf"\"{module}[\"/]|\b{module}(?:/[a-z0-9/]+)? v[0-9]"


def _ruby(names: tuple[str, ...]) -> str:
    return rf"\bgem [\"']{_any_of(names)}[\"']|\brequire [\"']{_any_of(names)}[\"'/]"


def _dotnet(names: tuple[str, ...]) -> str:
    package = _any_of(names)
    return rf"\busing (?:static )?{package}[.;]|\b(?:Include|id)=\"{package}[\".]|\bdotnet add package {package}\b"


def _hosts(names: tuple[str, ...]) -> str:
    return rf"\b{_any_of(names)}\b"


def _parent_domains(names: tuple[str, ...]) -> str:
    return rf"(?:[A-Za-z0-9_${{}}-]+\.)+{_any_of(names)}\b"


def _env_prefixes(names: tuple[str, ...]) -> str:
    return rf"(?:\b|_){_any_of(names)}_{_VARIABLE_SUFFIX}\b"


def _any_of(names: Iterable[str]) -> str:
    alternatives = "|".join(map(re.escape, names))
    return f"(?:{alternatives})" if "|" in alternatives else alternatives


_NPM_LITERALS = ('"{}', "'{}", "`{}", "install {}", "npm i {}", "add {}")
_TEMPLATES = {
    "python": _Template(
        "Python package",
        PACKAGE_CONFIDENCE,
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
    "npm": _Template("npm package", PACKAGE_CONFIDENCE, _npm, _NPM_LITERALS),
    "npm_scopes": _Template(
        "npm scope", SCOPE_CONFIDENCE, _npm_scopes, tuple(f"{literal}/" for literal in _NPM_LITERALS)
    ),
    "composer": _Template("Composer package", PACKAGE_CONFIDENCE, _composer, ('"{}"', "require {}")),
    "php": _Template("PHP namespace", PACKAGE_CONFIDENCE, _php, ("{}\\",)),
    "java": _Template("Java package", PACKAGE_CONFIDENCE, _java, ("import {}.", "static {}.", ">{}", "'{}", '"{}')),
    "go": _Template("Go module", PACKAGE_CONFIDENCE, _go, ("{}",)),
    "ruby": _Template("Ruby gem", PACKAGE_CONFIDENCE, _ruby, ("'{}", '"{}')),
    "dotnet": _Template(".NET package", PACKAGE_CONFIDENCE, _dotnet, ("using {}", "static {}", '="{}', "package {}")),
    "hosts": _Template("host", HOST_CONFIDENCE, _hosts, ("{}",)),
    "parent_domains": _Template("subdomain", HOST_CONFIDENCE, _parent_domains, (".{}",), "service_host"),
    "env_prefixes": _Template("environment variable", ENVIRONMENT_CONFIDENCE, _env_prefixes, ("{}_",)),
}
