"""The structure of e-mails."""

import binascii
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.thoroughness import examples
from waivern.files.formats.text.mime import MimePart, decoded_header, leaves_of


def part(**headers: str) -> MimePart:
    return MimePart([(name.replace("_", "-"), value) for name, value in headers.items()], b"")


@pytest.mark.parametrize(
    ("value", "decoded"),
    [
        ("plain", "plain"),
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("a =?iso-8859-1?Q?b=E9?= c", "a bé c"),
        ("=?utf-8?b?R3LDvA==?= =?utf-8?B?w59l?=", "Grüße"),
        ("=?utf-8?q?Gr=C3?=\n =?utf-8?q?=BC?=", "Grü"),
        ("=?utf-8?q?a?= =?iso-8859-1?q?=E9?=", "aé"),
        ("=?utf-8?q?a_b?= x =?utf-8?q?c?=", "a b x c"),
        ("=?utf-8*en?q?a?=", "a"),
        ("=?nonsense?q?a?=", "a"),
        ("=?utf-8?q?open", "=?utf-8?q?open"),
    ],
)
def test_encoded_words_are_decoded(value: str, decoded: str) -> None:
    assert decoded_header(value) == decoded


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="a b.txt"', "a b.txt"),
        ("attachment; filename=a.txt", "a.txt"),
        (r'attachment; filename="a\"b.txt"', 'a"b.txt'),
        ('attachment; x=";"; filename="a;b.txt"', "a;b.txt"),
        ("attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe.txt", "Grüße.txt"),
        ("attachment; filename*1=b.txt; filename*0=a", "ab.txt"),
        ("attachment; filename*0*=utf-8''%C3%BC; filename*1=b; filename*2*=%20c", "üb c"),
        ('attachment; filename="=?utf-8?q?=C3=BC?="', "ü"),
        ("attachment", None),
    ],
)
def test_the_name_of_an_attachment_is_found(header: str, name: str | None) -> None:
    assert part(Content_Disposition=header).file_name == name


def test_each_transfer_encoding_is_decoded() -> None:
    text = b"Call me: +44 20 7946 0000\n"
    uuencoded = b"begin 644 x\n" + binascii.b2a_uu(text) + b"`\nend\n"
    for encoding, encoded in (
        ("base64", binascii.b2a_base64(text)),
        ("BASE64", b"!" + binascii.b2a_base64(text).rstrip(b"=\n")),
        ("quoted-printable", binascii.b2a_qp(text)),
        ("x-uuencode", uuencoded),
        ("8bit", text),
    ):
        assert MimePart([("Content-Transfer-Encoding", encoding)], encoded).body() == text


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=200)


@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(st.tuples(TEXTS, st.sampled_from(["base64", "quoted-printable", "8bit"])), min_size=1, max_size=4), TEXTS
)
def test_every_part_that_the_standard_library_writes_is_read(parts: list[tuple[str, str]], subject: str) -> None:
    mail = EmailMessage()
    mail["Subject"] = "".join(character for character in subject if character.isprintable())
    mail.set_content(parts[0][0], cte=parts[0][1])
    for number, (text, encoding) in enumerate(parts[1:]):
        mail.add_attachment(text, filename=f"{number}.txt", cte=encoding)
    headers, *leaves = leaves_of(mail.as_bytes())
    assert decoded_header(headers.header("subject")).split() == mail["Subject"].split()
    assert [leaf.body().decode().rstrip("\r\n") for leaf in leaves] == [text.rstrip("\r\n") for text, _ in parts]
    assert [leaf.file_name for leaf in leaves] == [None, *(f"{number}.txt" for number in range(len(parts) - 1))]
