"""HTML and e-mail."""

import time
from email.message import EmailMessage

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.builders.scanned_files import columns_of, not_scanned_in, scan_of, texts_of
from tests.builders.thoroughness import examples
from waivern.files.formats.text.html import text_of

PAGE = """<!DOCTYPE html>
<html><head><title>Team &amp; friends</title>
<meta name="author" content="ann@example.org"><style>p { color: red }</style>
<script>track("UA-1")</script></head>
<body class="x"><!-- ask eve@example.org -->
<p>Jo<b>hn</b> Smith<br>London</p><td>12</td> <td>34</td>
<a href="mailto:bob@example.org" onclick="x()">Bob</a>
<img src="/i/carol.png"
 alt="Carol">
<input type="email" name="mail" value="dave@example.org"></body></html>
"""


def test_a_page_has_its_text_and_attributes_in_their_lines() -> None:
    scan = scan_of("x.html", PAGE)
    (item,) = scan.items
    assert item["content"].split("\n") == [
        "",
        "Team & friends",
        "ann@example.org",
        'track("UA-1")',
        "ask eve@example.org ",
        "John Smith | London | 12 | 34",
        "mailto:bob@example.org | Bob",
        "/i/carol.png | Carol",
        "",
        '<input type="email" name="mail" value="dave@example.org">',
    ]
    assert item["metadata"]["encoding"] == "utf-8"


def test_a_page_with_a_generic_name_is_detected_by_its_beginning() -> None:
    assert texts_of(scan_of("page", "<html><p>Ann</p></html>")) == {"page": "Ann"}
    assert texts_of(scan_of("report.xls", "\n<HTML><td>Ann</td></HTML>"))["report.xls"].strip() == "Ann"


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("a < b and c > d", "a < b and c > d"),
        ("<p>never closed <b", "never closed "),
        ("<a title='never closed>x", "'never | x"),
        ("<!-- never closed ann@example.org", " never closed ann@example.org"),
        ("<script>never closed", "never closed"),
        ("<textarea>ann & <b></textarea>x", "<textarea> | ann & <b> | </textarea> | x"),
        ("<p title=ann>x<p TITLE='b&#39;c'>y", "ann | x | b'c | y"),
        ("<?php echo 'ann'; ?>x", "php echo 'ann';  | x"),
        ("", ""),
    ],
)
def test_a_broken_page_loses_as_little_as_possible(page: str, shown: str) -> None:
    assert text_of(page).strip() == shown.strip()


@pytest.mark.parametrize(
    "unit", ["<a ", "<a href='", "<!--", "<![", "</a ", "<?", "<!", "<a b=", "&#", "<script>", "<"]
)
def test_the_time_for_a_page_is_proportional_to_its_length(unit: str) -> None:
    started = time.monotonic()
    text_of(unit * (300_000 // len(unit)))
    assert time.monotonic() - started < 20


WORDS = st.text("abcdefghijkl", min_size=1, max_size=5)


@settings(max_examples=examples(200), deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["", "\n", " ", "<p>", "</p>\n", "<br>", "<i>", "</i>", "<p\n>", "<!-- -->"]), WORDS)
    )
)
@example([("<i>", "a"), ("\n", "b")])
def test_each_word_of_a_page_stays_in_its_line(pieces: list[tuple[str, str]]) -> None:
    page = "".join(f"{tag} {word} " for tag, word in pieces)
    shown = text_of(page).split("\n")
    lines = page.split("\n")
    for number, line in enumerate(lines):
        for word in line.replace("<p", " ").replace(">", " ").split():
            if word.isalpha() and word not in ("p", "br", "i"):
                assert word in shown[number]


@settings(max_examples=examples(300), deadline=None)
@given(st.text("<>/!-?=\"' abp\n&;#1"))
def test_every_page_is_read_to_its_end(page: str) -> None:
    assert "END-OF-PAGE" in text_of(page + "<p>END-OF-PAGE")


def a_mail() -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Ann Müller <ann@example.org>"
    mail["To"] = "bob@example.org"
    mail["Subject"] = "Grüße an alle"
    mail["X-Customer"] = "4711"
    mail.set_content("Call me: +44 20 7946 0000\n")
    return mail


def test_a_mails_headers_are_columns_and_its_bodies_are_texts() -> None:
    mail = a_mail()
    mail.add_alternative("<p>Call <b>me</b></p>", subtype="html")
    scan = scan_of("m.eml", mail.as_bytes())
    columns = columns_of(scan)
    assert columns["headers", "From"] == "Ann Müller <ann@example.org>"
    assert columns["headers", "Subject"] == "Grüße an alle"
    assert columns["headers", "X-Customer"] == "4711"
    assert texts_of(scan) == {"m.eml": "Call me: +44 20 7946 0000\n\nCall me"}
    assert scan.metadata() == {"scanned": 1, "not_scanned": []}


def test_attachments_are_members_of_the_mail() -> None:
    mail = a_mail()
    mail.add_attachment(b"name,email\nEve,eve@example.org\n", maintype="text", subtype="csv", filename="people.csv")
    mail.add_attachment(b"\x89PNG\r\n\x1a\n\0", maintype="image", subtype="png", filename="me.png")
    inner = a_mail()
    mail.add_attachment(inner)
    scan = scan_of("m.eml", mail.as_bytes())
    files = {item["metadata"]["file_path"] for item in scan.items}
    assert files == {"m.eml", "m.eml!/people.csv", "m.eml!/message-4.eml"}
    assert columns_of(scan)["people", "email"] == "eve@example.org"
    assert not_scanned_in(scan) == {"m.eml!/me.png": "binary: a PNG image"}
    assert scan.scanned == 3


def test_mails_inside_mails_are_read_three_levels_deep() -> None:
    mail = a_mail()
    for _ in range(5):
        outer = a_mail()
        outer.add_attachment(mail)
        mail = outer
    scan = scan_of("m.eml", mail.as_bytes())
    assert scan.scanned == 3
    assert list(not_scanned_in(scan).values()) == ["an e-mail, nested more than 3 deep"]


@pytest.mark.parametrize(
    "content",
    [
        b"From: a@example.org\n\nbody \xff\xfe bytes",
        b"From: =?nonsense?Q?ann=40x?= <a@example.org>\nSubject: =?utf-8?B?////?=\n\nx",
        b"From: a@example.org\nContent-Type: text/plain; charset=klingon\n\nx",
        b"From: a@example.org\nContent-Transfer-Encoding: base64\n\n!!!not base64!!!",
        b"From: a@example.org\nContent-Type: multipart/mixed\n\n--no boundary",
        b"From: a@example.org\nContent-Type: multipart/mixed; boundary=b\n\n--b\n" * 2000,
        "From: \xe4nn@example.org\n\nx".encode("latin-1"),
        b"From: a@example.org\nContent-Type: message/rfc822\n\nFrom: b@example.org\n\ny",
        b"From: a@example.org\nContent-Type: text/plain; name*=utf-8''%ff%fe\n\nx",
    ],
)
def test_a_broken_mail_is_read_as_far_as_possible(content: bytes) -> None:
    scan = scan_of("m.eml", content)
    assert scan.scanned >= 1
    assert "@example.org" in "".join(item["content"] for item in scan.items)


def test_a_file_without_mail_headers_is_plain_text() -> None:
    scan = scan_of("m.eml", "just text\n")
    assert texts_of(scan) == {"m.eml": "just text\n"}


def test_a_body_is_decoded_with_its_charset() -> None:
    content = b"From: a@example.org\nContent-Type: text/plain; charset=iso-8859-5\n\n" + "Привет".encode("iso-8859-5")
    assert texts_of(scan_of("m.eml", content)) == {"m.eml": "Привет"}
