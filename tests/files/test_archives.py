"""ZIP and gzip: the files inside, and malicious archives."""

import gzip
import io
import struct
import tracemalloc
import zipfile
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders.scanned_files import columns_of, not_scanned_in, scan_of, texts_of
from waivern.files.formats.archives.gzip import MAX_GZIP_MEMBERS
from waivern.files.formats.archives.zip_reader import MAX_ENTRIES

LETTER = b"Dear anna@example.org"
GZIPPED_LETTER = gzip.compress(LETTER, mtime=0)  # the time of compression would differ between test processes


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return written.getvalue()


def nested(depth: int, content: bytes = LETTER, name: str = "letter.txt") -> bytes:
    """Return a file inside `depth` nested archives."""
    for level in range(depth):
        content, name = zipped({name: content}), f"level{level}.zip"
    return content


def test_each_file_of_an_archive_is_read_as_if_it_were_in_a_folder() -> None:
    packed = zipped(
        {"a/letter.txt": LETTER, "a/": b"", "list.csv": b"name,email\nAnn,a@example.org\n", "i.png": b"\x89PNG\0"}
    )
    scan = scan_of("backup.zip", packed)
    assert texts_of(scan) == {"backup.zip!/a/letter.txt": LETTER.decode()}
    assert columns_of(scan)["list", "email"] == "a@example.org"
    assert not_scanned_in(scan) == {"backup.zip!/i.png": "binary: a PNG image"}
    assert scan.scanned == 2


def test_gzip_is_the_file_inside_whatever_its_name() -> None:
    assert texts_of(scan_of("app.log.gz", gzip.compress(LETTER))) == {"app.log.gz!/app.log": LETTER.decode()}
    assert list(texts_of(scan_of("renamed", gzip.compress(LETTER) + gzip.compress(b"!")))) == ["renamed!/renamed"]
    assert columns_of(scan_of("a.csv.gz", gzip.compress(b"x,email\n1,a@example.org\n")))["a", "email"]


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_archives_inside_archives_are_read(depth: int) -> None:
    (name,) = texts_of(scan_of("outer.zip", nested(depth)))
    assert name.count("!/") == depth


def test_archives_nested_more_than_three_deep_are_reported() -> None:
    scan = scan_of("outer.zip", nested(4))
    assert list(scan.items) == []
    assert not_scanned_in(scan) == {
        "outer.zip!/level2.zip!/level1.zip!/level0.zip": "a ZIP archive, nested more than 3 deep"
    }


def test_a_bomb_is_reported_before_it_is_unpacked() -> None:
    zeros = bytes(200 * 10**6)
    bombs = {"bomb.gz": gzip.compress(zeros), "bomb.zip": zipped({"zeros": zeros, "a.txt": LETTER})}
    del zeros
    for name, content in bombs.items():
        tracemalloc.start()
        scan = scan_of(name, content, max_file_size="1GB", max_total_size="10GB")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert list(scan.items) == []
        (why,) = not_scanned_in(scan).values()
        assert why == "a decompression bomb: more than 200 times as large when unpacked"
        assert peak < 150 * 10**6, name


def test_a_bomb_with_a_false_size_is_stopped_at_that_size() -> None:
    packed = bytearray(zipped({"zeros": bytes(10**7)}))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = packed.index(mark) + offset
        packed[at : at + 4] = struct.pack("<I", 100)
    scan = scan_of("liar.zip", bytes(packed))
    assert list(scan.items) == []
    assert not_scanned_in(scan) == {"liar.zip!/zeros": "damaged: its size or checksum is not what the archive states"}


def test_a_bomb_among_many_files_is_found() -> None:
    inner = zipped({"zeros": bytes(30 * 10**6)})
    scan = scan_of("outer.zip", zipped({f"{number}.zip": inner for number in range(5)} | {"a.txt": LETTER}))
    assert set(texts_of(scan)) == {"outer.zip!/a.txt"}
    assert set(not_scanned_in(scan).values()) == {"a decompression bomb: more than 200 times as large when unpacked"}
    assert len(not_scanned_in(scan)) == 5


def test_an_archive_with_too_many_files_is_reported() -> None:
    packed = zipped({f"f{number}": b"" for number in range(MAX_ENTRIES + 1)}, zipfile.ZIP_STORED)
    scan = scan_of("many.zip", packed)
    assert not_scanned_in(scan) == {"many.zip": "an archive of more than 10,000 entries (10,001)"}


def test_too_many_files_across_all_levels_are_reported() -> None:
    inner = zipped({f"f{number}": b"x" for number in range(4000)}, zipfile.ZIP_STORED)
    scan = scan_of("outer.zip", zipped({f"{number}.zip": inner for number in range(4)}, zipfile.ZIP_STORED))
    assert scan.scanned < MAX_ENTRIES
    assert "only its beginning was scanned: more than 10,000 files within one" in set(not_scanned_in(scan).values())


def test_a_member_that_is_too_large_does_not_affect_others() -> None:
    scan = scan_of("a.zip", zipped({"large": b"anna " * 1000, "small": b"1"}), max_file_size=2000)
    assert texts_of(scan) == {"a.zip!/small": "1"}
    assert not_scanned_in(scan) == {"a.zip!/large": "larger than 2000 bytes (5000)"}


def test_unpacked_bytes_count_towards_max_total_size() -> None:
    scan = scan_of("a.zip", zipped({"a": b"anna " * 1000, "b": b"bert " * 1000, "c": b"1"}), max_total_size=7000)
    assert list(texts_of(scan)) == ["a.zip!/a"]
    assert not_scanned_in(scan) == dict.fromkeys(("a.zip!/b", "a.zip!/c"), "beyond max_total_size (7000 bytes)")


def test_an_encrypted_member_is_reported_and_the_others_are_read() -> None:
    packed = bytearray(zipped({"secret.txt": LETTER, "open.txt": b"1"}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.index(mark) + offset] |= 1
    scan = scan_of("a.zip", bytes(packed))
    assert texts_of(scan) == {"a.zip!/open.txt": "1"}
    assert not_scanned_in(scan) == {"a.zip!/secret.txt": "encrypted"}


def test_a_damaged_member_is_reported_and_the_others_are_read() -> None:
    packed = bytearray(zipped({"bad.txt": LETTER * 50, "good.txt": b"1"}))
    packed[45] ^= 0xFF
    scan = scan_of("a.zip", bytes(packed))
    assert texts_of(scan) == {"a.zip!/good.txt": "1"}
    assert list(not_scanned_in(scan)) == ["a.zip!/bad.txt"]
    assert not_scanned_in(scan)["a.zip!/bad.txt"].startswith("damaged")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.zip", zipped({"a": LETTER})[:-10], "a damaged ZIP archive or office document"),
        ("a.zip", b"PK\x03\x04", "a damaged ZIP archive or office document"),
        ("a.zip", zipped({}), "an archive without files"),
        ("a.gz", gzip.compress(LETTER, mtime=0)[:-9], "damaged gzip data"),
        ("a.gz", b"\x1f\x8b\x08rubbish", "damaged gzip data"),
    ],
)
def test_a_damaged_archive_is_reported(name: str, content: bytes, why: str) -> None:
    scan = scan_of(name, content)
    assert list(scan.items) == []
    assert list(not_scanned_in(scan).values()) == [why]


def test_the_name_of_a_member_is_never_used_as_a_path() -> None:
    scan = scan_of("a.zip", zipped({"../../etc/passwd": b"1", "/etc/shadow": b"2", "a\nb": b"3"}))
    assert {"a.zip!/../../etc/passwd", "a.zip!/etc/shadow"} <= set(texts_of(scan))
    assert scan.scanned == 3


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 255))
def test_no_archive_makes_a_scan_fail(content: bytes, at: int, byte: int) -> None:
    for packed in (zipped({"a.txt": content}), gzip.compress(content)):
        broken = bytearray(packed)
        broken[at % len(broken)] = byte
        scan = scan_of("a", bytes(broken))
        assert scan.scanned + len(scan.not_scanned) >= 1


def test_gzip_data_of_several_members_is_one_file() -> None:
    content = gzip.compress(b"Ann Smith\n") + gzip.compress(b"") + gzip.compress(b"Eve Jones\n") + bytes(512)
    assert texts_of(scan_of("a.gz", content)) == {"a.gz!/a": "Ann Smith\nEve Jones\n"}


@pytest.mark.parametrize(
    "content", [GZIPPED_LETTER[:-9], GZIPPED_LETTER + b"rubbish"], ids=["cut off", "followed by rubbish"]
)
def test_gzip_data_with_a_missing_or_wrong_end_is_damaged(content: bytes) -> None:
    assert not_scanned_in(scan_of("a.gz", content)) == {"a.gz!/a": "damaged gzip data"}


def test_gzip_data_of_too_many_members_is_named() -> None:
    content = gzip.compress(b"") * (MAX_GZIP_MEMBERS + 1)
    assert [entry["code"] for entry in scan_of("a.gz", content).not_scanned] == ["too_complex"]


def test_a_member_with_a_name_longer_than_a_path_is_named_and_the_others_are_read() -> None:
    scan = scan_of("a.zip", zipped({"x" * 5_000 + ".csv": b"a,b\n1,2\n", "b.txt": LETTER}))
    (entry,) = scan.not_scanned
    assert (len(entry["name"]), entry["code"]) == (4_099, "too_complex")
    assert list(texts_of(scan)) == ["a.zip!/b.txt"]
