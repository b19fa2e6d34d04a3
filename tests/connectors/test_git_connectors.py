"""The connectors `git` and `github` with real local and remote repositories."""

import os
import random
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.builders.certificates import self_signed
from tests.builders.git_repositories import commit, git, git_server, new_repository
from tests.builders.processes import needs_proc, pids_with, silent_server, wait_until
from waivern.analysers.source_code.factory import SourceCodeAnalyserFactory
from waivern.components.environment import use_environment
from waivern.components.working_directory import use_working_directory
from waivern.connectors.git.factory import GitConnectorFactory, GithubConnectorFactory
from waivern.connectors.git.fetching import STRATEGIES
from waivern.errors import ComponentError, InvalidPropertiesError
from waivern.messages.canonical import canonical_bytes
from waivern.messages.schema import Schema

STANDARD_INPUT = Schema("standard_input", "1.0.0")
FILES = {
    "README.md": "the shop",
    "src/shop/pay.py": "email = 'anna@example.org'\n",
    "src/old.php": "<?php\n",
    "logo.png": b"\x89PNG\r\n\x1a\n\0",
}
TOKEN = "ghp_0123456789abcdef"


def scan(repository: Path | str, **properties: Any) -> Mapping[str, Any]:
    return GitConnectorFactory().create({"repository": str(repository), **properties}).extract(STANDARD_INPUT).content


def scan_github(environment: Mapping[str, str] | None = None, **properties: Any) -> Mapping[str, Any]:
    with use_environment(environment or {}, secrets=set()):
        connector = GithubConnectorFactory().create(properties)
    return connector.extract(STANDARD_INPUT).content


def read(content: Mapping[str, Any]) -> dict[str, str]:
    return {item["metadata"]["file_path"]: item["content"] for item in content["data"]}


def not_scanned_in(content: Mapping[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["reason"] for entry in content["metadata"]["not_scanned"]}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return new_repository(tmp_path / "anna" / "shop.git", FILES)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_clone_strategy_reads_the_same(shop: Path, strategy: str) -> None:
    commit(shop, {"more.txt": "more"})
    with git_server(shop.parent.parent) as server:
        there = scan(f"{server.address}/anna/shop.git", clone_strategy=strategy)
    here = scan(shop, clone_strategy=strategy)
    assert (
        read(there)
        == read(here)
        == {
            "README.md": "the shop",
            "more.txt": "more",
            "src/old.php": "<?php\n",
            "src/shop/pay.py": "email = 'anna@example.org'\n",
        }
    )
    assert not_scanned_in(there) == not_scanned_in(here) == {"logo.png": "binary: a PNG image"}
    assert here["metadata"]["commit"] == there["metadata"]["commit"] == git(shop, "rev-parse", "HEAD")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_branch_a_tag_and_a_commit_can_be_read(shop: Path, strategy: str) -> None:
    first = git(shop, "rev-parse", "HEAD")
    git(shop, "tag", "-a", "v1", "-m", "the first")
    git(shop, "branch", "feature/pay")
    second = commit(shop, {"README.md": "the new shop"})
    for ref, meant in {"v1": first, "feature/pay": first, first: first, first[:10]: first, "main": second}.items():
        content = scan(shop, ref=ref, clone_strategy=strategy, include_patterns=["README.md"])
        assert content["metadata"]["commit"] == meant, ref
        assert content["metadata"]["ref"] == ref
        assert read(content) == {"README.md": "the shop" if meant == first else "the new shop"}, ref


def test_the_same_commit_gives_the_same_content(shop: Path) -> None:
    first = scan(shop)
    commit(shop, {"README.md": "new"})
    assert canonical_bytes(scan(shop, ref=first["metadata"]["commit"]) | {"metadata": {}}) == canonical_bytes(
        first | {"metadata": {}}
    )


def test_uncommitted_files_are_not_read(shop: Path) -> None:
    (shop / "README.md").write_text("changed", encoding="utf-8")
    (shop / "new").write_text("new", encoding="utf-8")
    assert read(scan(shop, include_patterns=["README.md", "new"])) == {"README.md": "the shop"}


def test_patterns_and_limits_work_as_for_files(shop: Path) -> None:
    content = scan(shop, exclude_patterns=["src/", "*.md"])
    assert not_scanned_in(content) == {
        "README.md": "excluded by the pattern *.md",
        "logo.png": "binary: a PNG image",
        "src/": "excluded by the pattern src/",
    }
    assert not_scanned_in(scan(shop, include_patterns=["*.py"], max_file_size=10))["src/shop/pay.py"] == (
        "larger than 10 bytes (27)"
    )
    assert not_scanned_in(scan(shop, max_files=1))["src/old.php"] == "beyond max_files (1)"


def test_a_subfolder_keeps_its_full_names(shop: Path) -> None:
    assert set(read(scan(shop, subfolder="src/shop/"))) == {"src/shop/pay.py"}
    with pytest.raises(ComponentError, match="has no folder 'srcs' at 'HEAD'. Correct `subfolder`"):
        scan(shop, subfolder="srcs")


def test_a_relative_path_starts_from_the_working_directory(shop: Path) -> None:
    with use_working_directory(shop.parent):
        connector = GitConnectorFactory().create({"repository": "./shop.git"})
    content = connector.extract(STANDARD_INPUT).content
    assert content["source"] == "./shop.git"
    assert "README.md" in read(content)


def test_links_submodules_and_pointers_are_reported(shop: Path, tmp_path: Path) -> None:
    (shop / "link").symlink_to("/etc/passwd")
    git(
        shop,
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        str(new_repository(tmp_path / "lib", {"a": "1"})),
        "lib",
    )
    commit(shop, {"film.mp4": "version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n"})
    named = not_scanned_in(scan(shop))
    assert named["link"].startswith("a symbolic link")
    assert named["lib"].startswith("a submodule")
    assert named["film.mp4"].startswith("a Git LFS pointer")


def test_file_names_that_are_not_utf_8_are_escaped_and_read(shop: Path) -> None:
    commit(shop, {os.fsdecode(b"caf\xe9.txt"): "1", "new\nline": "2", "ü": "3"})
    content = scan(shop)
    assert {"caf\\xe9.txt", "new\nline", "ü"} <= set(read(content))
    canonical_bytes(content)


def test_an_empty_repository_has_no_revision(tmp_path: Path) -> None:
    tmp_path.joinpath("empty").mkdir()
    git(tmp_path / "empty", "init", "--quiet")
    with pytest.raises(ComponentError, match="has no branch, tag or commit 'HEAD'"):
        scan(tmp_path / "empty")


@pytest.mark.parametrize("ref", ["nowhere", "0" * 40, "abcdef0"])
def test_a_missing_revision_is_an_error_with_a_remedy(shop: Path, ref: str) -> None:
    with git_server(shop.parent.parent) as server:
        for repository in (str(shop), f"{server.address}/anna/shop.git"):
            with pytest.raises(ComponentError, match=f"shop.git has no branch, tag or commit '{ref}'. Correct `ref`"):
                scan(repository, ref=ref)


def test_a_missing_repository_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with git_server(tmp_path) as server:
        for repository in (str(tmp_path / "none"), f"{server.address}/none.git"):
            with pytest.raises(ComponentError, match="there is no such repository.* Correct `repository`"):
                scan(repository)


def test_only_contents_that_are_read_are_fetched(shop: Path) -> None:
    noise = random.Random(1).randbytes(1_000_000)
    commit(shop, {"film.bin": noise})
    sent = {}
    for strategy in STRATEGIES:
        with git_server(shop.parent.parent) as server:
            scan(f"{server.address}/anna/shop.git", clone_strategy=strategy, exclude_patterns=["*.bin"])
            sent[strategy] = server.sent
    assert sent["minimal"] < 20_000
    assert sent["partial"] < 20_000
    assert sent["shallow"] > 1_000_000
    assert sent["full"] > 1_000_000


def test_many_contents_are_fetched_at_once(shop: Path) -> None:
    commit(shop, {f"f{number}": str(number) for number in range(300)})
    with git_server(shop.parent.parent) as server:
        assert scan(f"{server.address}/anna/shop.git")["metadata"]["scanned"] == 303
        assert len(server.seen) < 12


def test_a_token_is_sent_to_its_server_and_is_in_no_argument_and_no_file(shop: Path) -> None:
    places: list[str] = []

    def look_for_it() -> None:
        for arguments in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if TOKEN.encode() in arguments.read_bytes():
                    places.append(str(arguments))
            except OSError:
                continue
        files = [file for file in Path(tempfile.gettempdir()).glob("waivern-git-*/**/*") if file.is_file()]
        places.extend(str(file) for file in files if TOKEN.encode() in file.read_bytes())

    with git_server(shop.parent.parent, password=TOKEN, on_request=[look_for_it]) as server:
        content = scan_github(repository="anna/shop", base_url=server.address, token=TOKEN)
    assert "README.md" in read(content)
    assert places == []
    assert {login for _, _, login in server.seen} == {"", f"x-access-token:{TOKEN}"}
    assert TOKEN.encode() not in canonical_bytes(content)


def test_a_token_from_the_environment_is_a_secret(shop: Path) -> None:
    secrets: set[str] = set()
    with (
        git_server(shop.parent.parent, password=TOKEN) as server,
        use_environment({"GITHUB_TOKEN": TOKEN}, secrets=secrets),
    ):
        connector = GithubConnectorFactory().create({"repository": "anna/shop", "base_url": server.address})
        assert "README.md" in read(connector.extract(STANDARD_INPUT).content)
    assert secrets == {"GITHUB_TOKEN"}


def test_a_token_is_not_sent_to_the_target_of_a_redirect(shop: Path) -> None:
    with (
        git_server(shop.parent.parent, password=TOKEN) as elsewhere,
        git_server(shop.parent.parent, redirect=elsewhere.address) as server,
        pytest.raises(ComponentError, match="requires credentials"),
    ):
        scan_github(repository="anna/shop", base_url=server.address, token=TOKEN)
    assert elsewhere.seen
    assert all(login == "" for _, _, login in elsewhere.seen)


@pytest.mark.parametrize("given", [{}, {"token": "wrong-token-0123"}])
def test_a_wrong_token_is_an_error_that_does_not_show_it(shop: Path, given: dict[str, str]) -> None:
    with git_server(shop.parent.parent, password=TOKEN) as server, pytest.raises(ComponentError) as refused:
        scan_github(repository="anna/shop", base_url=server.address, **given)
    assert "it requires credentials, or refuses those it was given. Give a `token`" in str(refused.value)
    assert "wrong-token-0123" not in str(refused.value)


def test_credentials_in_an_address_are_used_and_never_shown(shop: Path) -> None:
    with git_server(shop.parent.parent, password="p@ss w") as server:
        address = server.address.replace("//", "//anna:p%40ss%20w@") + "/anna/shop.git"
        content = scan(address)
        assert "README.md" in read(content)
        assert content["source"] == f"{server.address}/anna/shop.git"
        with pytest.raises(ComponentError) as refused:
            scan(address, ref="nowhere")
    assert "p%40ss" not in str(refused.value)
    assert "p@ss" not in str(refused.value)
    assert b"ss%20w" not in canonical_bytes(content)


def test_a_silent_server_is_given_up_after_the_timeout() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        with pytest.raises(ComponentError, match="could not be fetched within `clone_timeout`"):
            scan(f"http://127.0.0.1:{silent.getsockname()[1]}/shop.git", clone_timeout=1)
    assert time.monotonic() - started < 10


def test_an_unreachable_server_is_an_error() -> None:
    with pytest.raises(ComponentError, match="its server cannot be reached. Check the network"):
        scan("http://127.0.0.1:9/shop.git")


def test_a_missing_git_program_is_an_error(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(shop))
    with pytest.raises(ComponentError, match="The program git is not installed. Install git"):
        scan(shop)


def test_no_temporary_files_remain(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "temporary"
    here.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(here))
    before = sorted(str(file) for file in shop.rglob("*"))
    scan(shop)
    with pytest.raises(ComponentError):
        scan(shop, ref="nowhere")
    assert list(here.iterdir()) == []
    assert sorted(str(file) for file in shop.rglob("*")) == before


def test_the_users_hooks_and_traces_are_ignored(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    hook = hooks / "reference-transaction"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\n", encoding="utf-8")
    hook.chmod(0o755)
    config = tmp_path / "config"
    config.write_text(f"[core]\n\thooksPath = {hooks}\n", encoding="utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_TRACE", "2")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text(config.read_text(encoding="utf-8"), encoding="utf-8")
    assert "README.md" in read(scan(shop))
    assert not (tmp_path / "was-run").exists()
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder to another user")
def test_a_repository_of_another_user_is_an_error_with_a_remedy(shop: Path) -> None:
    for path in (shop, *shop.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    with pytest.raises(ComponentError, match="it belongs to another user. Run the scan as that user, or"):
        scan(shop)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("repository", "--upload-pack=touch /tmp/x"),
        ("repository", "ext::sh -c touch% /tmp/x"),
        ("repository", "ftp://example.org/shop.git"),
        ("repository", "a\nb"),
        ("repository", "http://[::1/shop.git"),
        ("repository", ""),
        ("ref", "--upload-pack=x"),
        ("ref", "a..b"),
        ("ref", "main:other"),
        ("ref", "a b"),
        ("ref", "HEAD~1"),
        ("subfolder", "../x"),
        ("subfolder", "/etc"),
        ("clone_strategy", "quick"),
        ("clone_timeout", 0),
    ],
)
def test_values_that_git_could_misinterpret_are_rejected(shop: Path, name: str, value: Any) -> None:
    with pytest.raises(InvalidPropertiesError) as refused:
        GitConnectorFactory().create({"repository": str(shop), name: value})
    assert list(refused.value.problems) == [name]


@pytest.mark.parametrize("repository", ["shop", "a/b/c", "-a/b", "a/..", "a/b c", "https://github.com/a/b", "a/"])
def test_a_github_repository_is_an_owner_and_a_name(repository: str) -> None:
    with pytest.raises(InvalidPropertiesError, match="is not of the form owner/name"):
        GithubConnectorFactory().create({"repository": repository})


def test_a_token_is_not_sent_unencrypted() -> None:
    with pytest.raises(InvalidPropertiesError, match="unencrypted: write https"):
        GithubConnectorFactory().create({"repository": "a/b", "token": TOKEN, "base_url": "http://github.example.org"})
    with pytest.raises(InvalidPropertiesError, match="unencrypted: write https"):
        GitConnectorFactory().create({"repository": "http://example.org/b.git", "token": TOKEN})


def test_a_runbook_for_another_scanner_works_unchanged(shop: Path) -> None:
    content = scan_github(
        repository="anna/shop",
        ref="main",
        clone_strategy="minimal",
        clone_timeout=60,
        include_patterns=["src/**/*.py"],
        exclude_patterns=None,
        max_files=100,
        auth_method="pat",
        base_url=f"file://{shop.parent.parent}",
    )
    assert set(read(content)) == {"src/shop/pay.py"}


def test_the_source_of_a_github_repository_is_its_owner_and_name() -> None:
    with use_environment({}, secrets=set()):
        connector = GithubConnectorFactory().create({"repository": "anna/shop.git"})
    assert connector._source == "github://anna/shop"
    assert connector._address.location == "https://github.com/anna/shop.git"


def test_the_source_code_analyser_accepts_the_message(shop: Path) -> None:
    message = GitConnectorFactory().create({"repository": str(shop)}).extract(STANDARD_INPUT)
    analyser = SourceCodeAnalyserFactory().create({})
    code = analyser.process([message], Schema("source_code", "1.0.0")).content
    assert [(entry["file_path"], entry["language"]) for entry in code["data"]] == [
        ("src/old.php", "php"),
        ("src/shop/pay.py", "python"),
    ]


def test_ssh_does_not_prompt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ComponentError, match="ssh://127.0.0.1"):
        scan(f"ssh://git@127.0.0.1:{port}/shop.git", clone_timeout=20)


def environment_of_git(shop: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Scan with a `git` that writes its environment to a file; return the environment."""
    program = folder / "bin" / "git"
    program.parent.mkdir()
    written = folder / "environment"
    program.write_text(f'#!/bin/sh\nenv -0 > {written}\nexec {shutil.which("git")} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    scan(shop)
    return dict(line.split("=", 1) for line in written.read_text(encoding="utf-8").rstrip("\0").split("\0"))


def test_git_inherits_no_key_no_database_url_and_no_secret(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        *("WAIVERN_ENCRYPTION_KEY", "WAIVERN_DATABASE_URL", "CRM_PASSWORD", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY"),
        *("PYTHONPATH", "LD_PRELOAD_X", "GIT_DIR", "GIT_TRACE", "GIT_CONFIG_PARAMETERS"),
    ):
        monkeypatch.setenv(name, "hidden")
    passed = {
        "HOME": str(tmp_path),
        "https_proxy": "http://proxy.example.org:3128",
        "NO_PROXY": "127.0.0.1",
        "SSH_AUTH_SOCK": "/run/agent",
        "LC_TIME": "C",
        "GIT_SSL_CAINFO": "/etc/ssl/own.pem",
    }
    for name, value in passed.items():
        monkeypatch.setenv(name, value)
    environment = environment_of_git(shop, tmp_path, monkeypatch)
    assert "hidden" not in environment.values()
    assert passed.items() <= environment.items()


def test_settings_of_the_user_reach_git_and_those_of_the_connector_precede_them(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced = [("url./nowhere.insteadOf", str(shop)), ("core.hooksPath", str(tmp_path))]
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(replaced)))
    for number, (name, value) in enumerate(replaced):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", name)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
    with pytest.raises(ComponentError, match="no such repository"):
        scan(shop)
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "unused")
    environment = environment_of_git(shop, tmp_path, monkeypatch)
    settings = [
        (environment[f"GIT_CONFIG_KEY_{number}"], environment[f"GIT_CONFIG_VALUE_{number}"])
        for number in range(int(environment["GIT_CONFIG_COUNT"]))
    ]
    assert [value for name, value in settings if name == "core.hooksPath"] == [str(tmp_path), os.devnull]


@pytest.mark.parametrize("count", ["-1", "x", "9"])
def test_incomplete_settings_of_the_user_are_left_out(shop: Path, count: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", count)
    assert "README.md" in read(scan(shop))


@pytest.mark.parametrize("variable", ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"])
def test_a_configuration_file_of_the_user_is_used(
    shop: Path, tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = tmp_path / "configuration"
    configuration.write_text(f'[url "{shop.parent}/"]\n\tinsteadOf = https://git.example.org/\n', encoding="utf-8")
    monkeypatch.setenv(variable, str(configuration))
    assert "README.md" in read(scan("https://git.example.org/shop.git"))


def test_a_proxy_is_used(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with git_server(shop.parent.parent) as proxy:
        monkeypatch.setenv("http_proxy", proxy.address)
        assert "README.md" in read(scan("http://git.example.org/anna/shop.git"))
    _, path, _ = proxy.seen[0]
    assert path.startswith("http://git.example.org/anna/shop.git/")


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "GIT_SSL_CAINFO"])
def test_a_certificate_file_is_used(shop: Path, tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    context, certificate = self_signed(tmp_path)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO"):
        monkeypatch.delenv(name, raising=False)
    with git_server(shop.parent.parent, tls=context) as server:
        address = f"{server.address}/anna/shop.git"
        with pytest.raises(ComponentError, match="certificate"):
            scan(address)
        monkeypatch.setenv(variable, str(certificate))
        assert "README.md" in read(scan(address))


@needs_proc
def test_a_silent_server_is_given_up_with_everything_that_git_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with silent_server() as port:
        address = f"http://127.0.0.1:{port}/shop.git"
        with pytest.raises(ComponentError, match="could not be fetched within `clone_timeout`"):
            scan(address, clone_timeout=1)
        wait_until(lambda: not pids_with(f":{port}/"))
    assert list(tmp_path.iterdir()) == []
