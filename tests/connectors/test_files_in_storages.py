"""The `filesystem` connector with a real S3 server and other storages of fsspec."""

import gzip
import http.server
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.servers.s3 import S3Server
from waivern.connectors.filesystem import remote
from waivern.connectors.filesystem.factory import FilesystemConnectorFactory
from waivern.errors import ComponentError, InvalidPropertiesError
from waivern.messages.canonical import canonical_bytes
from waivern.messages.schema import Schema

STANDARD_INPUT = Schema("standard_input", "1.0.0")
TREE = {
    "exports/a.txt": b"anna@example.org",
    "exports/b/customers.csv": b"name,email\nBert,bert@example.org\n",
    "exports/b/deep/log.gz": gzip.compress(b"from 192.0.2.7"),
    "exports/c.png": b"\x89PNG\r\n\x1a\n\0",
    "exports/logs/old.txt": b"old",
    "other/e.txt": b"not asked for",
    "exportsnot/f.txt": b"nor this",
}


def scan(path: str, server: S3Server | None = None, **properties: Any) -> Mapping[str, Any]:
    options = {"storage_options": server.options()} if server else {}
    return FilesystemConnectorFactory().create({"path": path, **options, **properties}).extract(STANDARD_INPUT).content


def read(content: Mapping[str, Any]) -> dict[str, str]:
    return {item["metadata"]["file_path"]: item["content"] for item in content["data"]}


def not_scanned_in(content: Mapping[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["reason"] for entry in content["metadata"]["not_scanned"]}


def write_tree(root: Path, tree: Mapping[str, bytes]) -> None:
    for name, content in tree.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"exclude_patterns": ["*.png", "logs/"]},
        {"include_patterns": ["b/", "*.txt"], "exclude_patterns": ["/a.txt"]},
        {"exclude_patterns": ["*.txt", "!old.txt"]},
        {"max_files": 2},
        {"max_file_size": 20},
        {"max_total_size": 60},
    ],
)
def test_a_bucket_is_read_like_a_folder_with_the_same_files(
    s3: S3Server, tmp_path: Path, properties: dict[str, Any]
) -> None:
    s3.fill("shop", TREE)
    write_tree(tmp_path, TREE)
    there, here = scan("s3://shop/exports", s3, **properties), scan(str(tmp_path / "exports"), **properties)
    for content in (there, here):
        for item in content["data"]:
            del item["metadata"]["source"]
    assert there["data"] == here["data"]
    assert there["metadata"] == here["metadata"]


def test_all_items_have_their_source(s3: S3Server) -> None:
    s3.fill("shop", TREE)
    content = scan("s3://shop/exports/", s3, include_patterns=["b/"])
    assert content["source"] == "s3://shop/exports/"
    assert [item["metadata"] for item in content["data"]][-1] == {
        "source": "s3://shop/exports/",
        "connector_type": "filesystem",
        "file_path": "b/deep/log.gz!/log",
        "encoding": "utf-8",
    }
    assert canonical_bytes(content) == canonical_bytes(scan("s3://shop/exports/", s3, include_patterns=["b/"]))


def test_a_whole_bucket_or_a_single_object_can_be_read(s3: S3Server) -> None:
    s3.fill("shop", TREE)
    assert set(read(scan("s3://shop", s3, exclude_patterns=["/exports/"]))) == {"other/e.txt", "exportsnot/f.txt"}
    content = scan("s3://shop/exports/a.txt", s3)
    assert read(content) == {"a.txt": "anna@example.org"}
    assert not_scanned_in(scan("s3://shop/exports/a.txt", s3, exclude_patterns=["a.*"])) == {
        "a.txt": "excluded by the pattern a.*"
    }


def test_an_empty_bucket_is_not_an_error(s3: S3Server) -> None:
    s3.fill("empty", {})
    assert scan("s3://empty", s3)["metadata"] == {"scanned": 0, "not_scanned": []}


def test_names_that_a_folder_cannot_have_are_read_once(s3: S3Server) -> None:
    odd = {"a//b": b"1", "../up": b"2", "/top": b"3", "c": b"4", "c/under": b"5", "é #?x": b"6", "empty": b""}
    s3.fill("odd", {**odd, "folder/": b"", "a/": b""})
    content = scan("s3://odd", s3)
    assert read(content) == {name: text.decode() for name, text in odd.items()}
    assert not_scanned_in(content) == {}


def test_objects_beyond_the_first_page_of_a_listing_are_found(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "20")  # objects on a page of the server
    s3.fill("many", {f"{number:04}": b"" for number in range(50)})
    assert len(s3.client().list_objects_v2(Bucket="many")["Contents"]) == 20
    assert scan("s3://many", s3)["metadata"]["scanned"] == 50


def test_objects_beyond_the_limit_are_not_fetched(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.fill("shop", {"large": b"x" * 1000, "small": b"1"})
    asked = []
    sound = remote.RemoteAddress.read

    def noted(place: Any, storage: Any, path: str, *, limit: int) -> bytes:
        asked.append(path)
        return sound(place, storage, path, limit=limit)

    monkeypatch.setattr(remote.RemoteAddress, "read", noted)
    assert not_scanned_in(scan("s3://shop", s3, max_file_size=100)) == {"large": "larger than 100 bytes (1000)"}
    assert asked == ["shop/small"]


def test_an_object_that_grew_since_the_listing_is_reported_and_not_cut(s3: S3Server) -> None:
    s3.fill("shop", {"grown": b"x" * 1000})
    place = remote.RemoteAddress("s3://shop", s3.options())
    storage, _ = place._open()
    grown = remote.RemoteFile("grown", "shop/grown", 10, place, storage)
    assert len(grown.read(limit=1000)) == 1000
    with pytest.raises(remote.TooLargeError, match="larger than 100 bytes"):
        grown.read(limit=100)


def test_an_object_deleted_during_the_scan_is_reported(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.fill("shop", {"a": b"1", "b": b"2"})
    sound = remote.RemoteAddress.read

    def vanish_first(place: Any, storage: Any, path: str, *, limit: int) -> bytes:
        s3.client().delete_object(Bucket="shop", Key="b")
        return sound(place, storage, path, limit=limit)

    monkeypatch.setattr(remote.RemoteAddress, "read", vanish_first)
    content = scan("s3://shop", s3)
    assert read(content) == {"a": "1"}
    assert not_scanned_in(content) == {"b": "deleted while the folder was read"}


def test_changes_since_the_last_scan_are_seen(s3: S3Server) -> None:
    s3.fill("shop", {"a": b"1"})
    assert read(scan("s3://shop", s3)) == {"a": "1"}
    s3.client().put_object(Bucket="shop", Key="b", Body=b"2")
    assert read(scan("s3://shop", s3)) == {"a": "1", "b": "2"}


def test_credentials_are_read_from_the_environment(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.fill("shop", {"a": b"1"})
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a-user")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-key")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    assert read(scan("s3://shop")) == {"a": "1"}


@pytest.mark.parametrize("path", ["s3://no-such-bucket", "s3://shop/no/such/folder"])
def test_a_missing_path_is_an_error_with_a_remedy(s3: S3Server, path: str) -> None:
    s3.fill("shop", TREE)
    with pytest.raises(ComponentError, match=f"{path} cannot be read: it does not exist. Correct `path`"):
        scan(path, s3)


def test_denied_access_is_an_error_without_the_secret(s3: S3Server) -> None:
    s3.fill("shop", TREE)
    with (
        s3.requiring_authentication(),
        pytest.raises(ComponentError, match="access is denied. Give the user") as refused,
    ):
        scan("s3://shop", s3)
    assert "a-secret-key" not in str(refused.value)


def test_without_credentials_the_error_says_how_to_provide_them(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(ComponentError, match="no credentials were found. Set AWS_ACCESS_KEY_ID"):
        scan("s3://shop", storage_options={"endpoint_url": s3.endpoint})


def test_an_unreachable_server_fails_quickly() -> None:
    nowhere = {"key": "a-user", "secret": "a-secret-key", "endpoint_url": "http://127.0.0.1:9"}
    started = time.monotonic()
    with pytest.raises(ComponentError, match="its server cannot be reached. Check the network and `endpoint_url`"):
        scan("s3://shop", storage_options=nowhere)
    assert time.monotonic() - started < 60


def test_a_lost_server_fails_the_scan_instead_of_each_file(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.fill("shop", {"a": b"1", "b": b"2"})
    sound = remote.RemoteAddress.read

    def cut_off(place: Any, storage: Any, path: str, *, limit: int) -> bytes:
        elsewhere, _ = remote.RemoteAddress("s3://shop", {**s3.options(), "endpoint_url": "http://127.0.0.1:9"})._open()
        return sound(place, elsewhere, path, limit=limit)

    monkeypatch.setattr(remote.RemoteAddress, "read", cut_off)
    with pytest.raises(ComponentError, match="s3://shop cannot be read: its server cannot be reached"):
        scan("s3://shop", s3)


def test_an_address_is_shown_without_credentials() -> None:
    with pytest.raises(ComponentError) as refused:
        scan("http://anna:hunter22@127.0.0.1:9/a.txt?signature=abcdef")
    assert "http://127.0.0.1:9/a.txt cannot be read: its server cannot be reached" in str(refused.value)
    for secret in ("anna", "hunter22", "abcdef"):
        assert secret not in str(refused.value)


def test_a_single_file_of_a_web_server_is_read_within_limits(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.txt": b"anna@example.org"})
    with web_server(tmp_path) as address:
        content = scan(f"{address}/a.txt?token=secret")
        assert read(content) == {"a.txt": "anna@example.org"}
        assert content["source"] == f"{address}/a.txt"
        assert not_scanned_in(scan(f"{address}/a.txt", max_file_size=5)) == {"a.txt": "larger than 5 bytes (16)"}
        with pytest.raises(ComponentError, match="it does not exist"):
            scan(f"{address}/none.txt")


def test_other_storages_are_read_the_same_way() -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe({"/shop/a.txt": b"1", "/shop/b/c.txt": b"2"})
    try:
        assert read(scan("memory://shop")) == {"a.txt": "1", "b/c.txt": "2"}
    finally:
        memory.rm("/shop", recursive=True)


def test_a_file_address_is_a_local_path(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.txt": b"1"})
    assert read(scan(f"file://{tmp_path}")) == {"a.txt": "1"}


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("webdavv://shop", "is not a supported storage. Did you mean 'webdav'"),
        ("simplecache::s3://shop", "is a chain of addresses"),
        ("cached://shop", "is not a supported storage"),
        ("git://example.org/shop.git", "is read by the connector `git`"),
        ("gs://shop", "needs a package that is not installed. Please install gcsfs"),
    ],
)
def test_an_unsupported_storage_is_rejected_before_anything_runs(path: str, fault: str) -> None:
    with pytest.raises(InvalidPropertiesError) as refused:
        scan(path)
    assert fault in refused.value.problems["path"]


def test_a_missing_extra_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    from waivern.connectors.filesystem import storages

    monkeypatch.setattr(storages, "find_spec", lambda name: None)
    with pytest.raises(InvalidPropertiesError, match=r"pip install 'waivern\[s3\]' to read s3://"):
        scan("s3://shop")


def test_storage_options_are_rejected_for_a_local_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidPropertiesError, match="storage_options"):
        scan(str(tmp_path), storage_options={"key": "a-user"})


def test_storage_options_are_not_in_a_connectors_repr() -> None:
    place = remote.RemoteAddress("s3://shop", {"secret": "a-secret-key"})
    assert "a-secret-key" not in repr(place)


@contextmanager
def web_server(root: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root))) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()
