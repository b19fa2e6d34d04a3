import pytest
from hypothesis import given
from hypothesis import strategies as st

from waivern.files.decoding import NotTextError, decode


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_utf_8_round_trips(text: str) -> None:
    if not text.startswith(("\ufeff", "BZh", "GIF8", "%PDF-")):
        assert decode(text.encode()).text == text
        assert decode(text.encode()).replaced == 0


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_decides_and_is_not_part_of_the_text(encoding: str) -> None:
    assert decode("Straße, Łódź".encode(encoding)).text == "Straße, Łódź"
    assert not decode("Straße".encode(encoding)).guessed


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_recognised(encoding: str) -> None:
    found = decode("name;e-mail\nMüller;m@example.org\n".encode(encoding))
    assert found.text == "name;e-mail\nMüller;m@example.org\n"
    assert (found.encoding, found.guessed) == (encoding, True)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Name;Straße\nMüller;Größe, café", "cp1252"),
        ("Привет, меня зовут Иван Петров", "cp1251"),
        ("名前はたなかです。電話番号は", "cp932"),
        ("姓名,电话\n张三,13812345678\n李四,北京市朝阳区", "gb18030"),
    ],
)
def test_a_legacy_encoding_is_guessed_and_marked_as_a_guess(text: str, encoding: str) -> None:
    found = decode(text.encode(encoding))
    assert found.text == text
    assert found.guessed


def test_a_guess_samples_the_non_ascii_places_anywhere_in_a_file() -> None:
    content = b"plain line\n" * 100_000 + "Müller, Straße".encode("cp1252")
    assert decode(content).text.endswith("Müller, Straße")


def test_a_given_encoding_is_used_and_invalid_characters_are_counted() -> None:
    found = decode(b"caf\xe9 \xe8", encoding="ascii")
    assert (found.text, found.replaced) == ("caf\ufffd \ufffd", 2)


def test_bytes_in_an_unknown_encoding_are_read_as_far_as_possible_and_counted() -> None:
    content = b"write to a@example.org " + bytes(range(128, 256))
    found = decode(content)
    assert "a@example.org" in found.text
    assert found.guessed or found.replaced > 0


@pytest.mark.parametrize(
    "content",
    [b"%PDF-1.7 text", b"PK\x03\x04more", b"text\0text", b"\x89PNG....", bytes(range(1, 256)) * 4],
)
def test_binary_content_is_rejected(content: bytes) -> None:
    with pytest.raises(NotTextError, match="binary"):
        decode(content)


@given(st.binary(max_size=400))
def test_any_bytes_are_decoded_or_rejected(content: bytes) -> None:
    try:
        found = decode(content)
    except NotTextError:
        return
    found.text.encode("utf-8")  # does not raise


@pytest.mark.parametrize("content", [b"%PDF-1.7\n...", b"\x89PNG\r\n", b"a\0b", b"PK\x03\x04"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252"])
def test_binary_content_is_rejected_with_any_given_encoding(content: bytes, encoding: str) -> None:
    with pytest.raises(NotTextError, match="binary"):
        decode(content, encoding=encoding)


@pytest.mark.parametrize("written_in", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
def test_a_byte_order_mark_takes_precedence_over_the_given_encoding(written_in: str, encoding: str) -> None:
    assert decode("café".encode(written_in), encoding=encoding).text == "café"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "cp037"])
def test_a_given_encoding_that_is_incompatible_with_ascii_is_used(encoding: str) -> None:
    assert decode("a@example.org, 7".encode(encoding), encoding=encoding).text == "a@example.org, 7"
