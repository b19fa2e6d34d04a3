"""What the pages show is true: links lead somewhere, runbooks are valid, commands exist, examples run."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.docs.pages import DOCS, PAGES, REPOSITORY, blocks_of, files_in, section_of, text_of
from waivern import __version__
from waivern.cli.shell.main import waivern as command_line
from waivern.formats.decision_file import FILE_NAME, read_decision_file
from waivern.runbooks.reading.runbook_loader import load_runbook

QUICKSTART = REPOSITORY / "examples" / "quickstart"
NAMES = [page.relative_to(REPOSITORY).as_posix() for page in PAGES]
RECORDS = sorted(DOCS.glob("decisions/0*.md"))


@pytest.mark.parametrize("page", NAMES)
def test_every_link_has_a_target(page: str) -> None:
    for target, anchor in re.findall(r"\]\((?!https?://)([^)#]*)#?([^)]*)\)", text_of(page)):
        file = (REPOSITORY / page).parent / target if target else REPOSITORY / page
        assert file.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]


@pytest.mark.parametrize("page", NAMES)
def test_every_runbook_shown_is_valid(page: str, tmp_path: Path) -> None:
    for shown in blocks_of(page, "yaml"):
        if shown.startswith("decisions:"):
            (tmp_path / FILE_NAME).write_text(shown, encoding="utf-8")
            assert read_decision_file(tmp_path / "shown.yaml") is not None
            continue
        (tmp_path / "shown.yaml").write_text(shown, encoding="utf-8")
        load_runbook(tmp_path / "shown.yaml")


@pytest.mark.parametrize("page", NAMES)
def test_every_command_shown_is_valid(page: str) -> None:
    for line in "\n".join(blocks_of(page, "sh")).splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars="|&")
        words.whitespace_split = True
        commands: list[list[str]] = [[]]
        for word in words:
            if set(word) <= set("|&"):
                commands.append([])
            else:
                commands[-1].append(word)
        for command in commands:
            if command and command[0].rpartition("/")[2] == "waivern":
                parsed_as_a_command(command[1:])


def parsed_as_a_command(words: list[str]) -> None:
    """Parse a command line down to its last command, without carrying it out."""
    command: click.Command = command_line
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        below = command.get_command(click.Context(command), words[0])
        assert below is not None, words
        command, words = below, words[1:]
    command.make_context(command.name, list(words))


def test_each_decision_is_complete_and_in_the_index() -> None:
    index = text_of("docs/decisions/README.md")
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))
    for record in RECORDS:
        text = record.read_text(encoding="utf-8")
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"], record.name
        assert f"[{record.name[:4]}]({record.name})" in index


def test_every_page_is_in_the_index() -> None:
    index = text_of("docs/README.md")
    assert not [page.name for page in DOCS.glob("*.md") if page.name != "README.md" and f"({page.name})" not in index]


def test_the_changelog_has_a_section_for_this_version() -> None:
    heading = r"\[Unreleased\]" if ".dev" in __version__ else rf"\[{re.escape(__version__)}\] - \d{{4}}-\d\d-\d\d"
    assert re.search(rf"^## {heading}$", text_of("CHANGELOG.md"), re.MULTILINE)


def test_the_test_command_is_the_same_on_every_page() -> None:
    pages = [text_of(page) for page in ("README.md", "CONTRIBUTING.md")]
    in_readme, in_contributing = (re.findall(r"^python3 -m venv .*pytest -n 2$", page, re.MULTILINE) for page in pages)
    assert len(in_readme) == 1
    assert in_readme == in_contributing


def test_the_shown_run_output_is_real(tmp_path: Path) -> None:
    """The last two parts of the README's one line, in a copy of the quickstart."""
    shutil.copytree(QUICKSTART, tmp_path / "examples/quickstart", ignore=shutil.ignore_patterns("*.db", "*.png"))
    (line,) = re.findall(r"^python3 -m venv .*history$", text_of("README.md"), re.MULTILINE)
    _, _, make, run, history = line.replace(".venv/bin/waivern", "python -m waivern").split(" && ")
    output = [waivern_told(command, tmp_path) for command in (make, run, history)][1:]
    (picture,) = blocks_of("README.md", "text")
    assert without_what_differs(picture) == without_what_differs("\n".join(output))
    again = waivern_told("python -m waivern reanalyse latest --quiet --format json", tmp_path)
    since = json.loads(again)["since_last_run"]
    assert {name: since[name] for name in ("new", "fixed", "changed", "unknown")} == dict.fromkeys(
        ("new", "fixed", "changed", "unknown"), 0
    )


def waivern_told(command: str, folder: Path) -> str:
    program, *arguments = shlex.split(command)
    assert program.rpartition("/")[2] == "python"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WAIVERN_")}
    ended = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def without_what_differs(text: str) -> list[str]:
    """Its lines without instants, ids, durations, and the blanks that these take."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}[0-9a-f-]*", "ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "INSTANT", text)
    text = re.sub(r"[\d.]+ m?s\b", "DURATION", text)
    return [re.sub(r" +", " ", line).strip() for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("page", ["README.md", "docs/plug-ins.md"])
def test_the_plug_in_shown_can_be_installed_and_used(page: str, tmp_path: Path) -> None:
    project, installed = tmp_path / "project", tmp_path / "installed"
    files = files_in("README.md") | (files_in(page) if page != "README.md" else {})
    project.mkdir()
    for name, text in files.items():
        (project / name).write_text(text, encoding="utf-8")
    pip_install(project, installed)
    (tmp_path / "guests.txt").write_text("Amelia Hart, amelia.hart@example.com\n", encoding="utf-8")
    (tmp_path / "runbook.yaml").write_text(RUNBOOKS[page], encoding="utf-8")
    if page != "README.md":
        (tmp_path / "guest_book.py").write_text(files["guest_book.py"], encoding="utf-8")
    output = python("-m", "waivern", "run", "-q", "runbook.yaml", folder=tmp_path, packages=installed)
    assert ": succeeded in" in output
    assert EXPECTED_OUTPUT[page] in output


RUNBOOKS = {
    "README.md": """
name: Guests
description: Who came
artifacts:
  guests: {source: {type: guest_book, properties: {path: guests.txt}}}
  findings: {inputs: guests, process: {type: personal_data}}
""",
    "docs/plug-ins.md": """
name: Words
description: How many
artifacts:
  guests: {source: {type: filesystem, properties: {path: guests.txt}}}
  words: {inputs: guests, process: {type: word_count}}
""",
}
EXPECTED_OUTPUT = {"README.md": "email 1", "docs/plug-ins.md": "words"}


def test_the_connector_shown_passes_the_contract(tmp_path: Path) -> None:
    project, installed = tmp_path / "project", tmp_path / "installed"
    project.mkdir()
    for name, text in {**files_in("docs/plug-ins.md"), **files_in("README.md")}.items():
        (project / name).write_text(text, encoding="utf-8")
    pip_install(project, installed)
    pytest_itself = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
    output = python(*pytest_itself, "test_guest_book.py", folder=project, packages=installed)
    assert re.search(r"\b1\d passed", output), output


def pip_install(project: Path, target: Path) -> None:
    python(
        *("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"),
        *("--target", str(target), str(project)),
        folder=project,
    )


def python(*arguments: str, folder: Path, packages: Path | None = None) -> str:
    found_in = [str(packages), str(REPOSITORY)] if packages else [str(REPOSITORY)]
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("WAIVERN_", "PYTEST_"))}
    environment = {**ours, "PYTHONPATH": os.pathsep.join(found_in)}
    ended = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_the_documented_exit_codes_match_the_help() -> None:
    output = re.findall(r"^\| (\d) \|", section_of("docs/errors.md", "Exit codes and errors"), re.MULTILINE)
    assert set(output) == set(re.findall(r"^  (\d)  ", command_line.epilog or "", re.MULTILINE))
