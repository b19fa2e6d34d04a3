"""The HTML report: one file that loads nothing, in which every text stays a text."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from waivern.exports.html.exporter import HtmlExporter
from waivern.exports.html.finding_counts import MAX_ROWS
from waivern.exports.html.markup import element, escape
from waivern.exports.model.report import NotScanned, PartiallyScanned, Report, ReportedRule
from waivern.exports.model.reported_finding import Evidence, Location, ReportedFinding
from waivern.history.comparison import Change, Comparison, Difference, Reason
from waivern.history.decisions import Decision, Verdict
from waivern.testing.exporter_contract import written
from waivern.testing.sample_reports import (
    failed_report,
    sample_artifact,
    sample_finding,
    sample_report,
    sample_run,
)


class Page(HTMLParser):
    """The elements of a page with their attributes' names, and all its texts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.shape: list[object] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        self.shape.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.shape.append(("comment", data))

    def handle_pi(self, data: str) -> None:
        self.shape.append(("instruction", data))


def text_of(report: Report) -> str:
    return written(HtmlExporter, report).decode()


def report_with_text(text: str) -> Report:
    """A report that says a text wherever a report may say anything."""
    finding = sample_finding("a", rule=text, category=text, severity=text, source=text, location=text)
    missing = msgspec.structs.replace(finding, fingerprint="b" * 32)
    decision = Decision(Verdict.ACCEPTED, f"r{text}", f"o{text}", fingerprint="a" * 32)
    reported = ReportedFinding(
        finding,
        (text,),
        Location(text, text, text, (1,)),
        (Evidence(text, 1),),
        (text,),
        text,
        Change.NEW,
        Reason.SCOPE,
        text,
        decision,
    )
    run = sample_run(runbook=text, error=text, trigger=text, schedule=text)
    return sample_report(
        [reported],
        run=run,
        description=f"d{text}",
        contact=text,
        framework=text,
        rules=[ReportedRule(text, text, text, text, text, text, text, {text: text})],
        not_scanned=[NotScanned(text, text, text)],
        partially_scanned=[PartiallyScanned(text, text, 1, 2, text)],
        artifacts=[sample_artifact(text, component=text, schema=text, error=text)],
        comparison=Comparison(
            run,
            run,
            [
                Difference(Change.UNKNOWN, missing, Reason.SCOPE, missing, text),
                Difference(Change.NEW, finding),
            ],
        ),
        without_evidence=[text],
    )


HOSTILE = st.one_of(
    st.text(st.characters(codec=None), min_size=1),
    st.sampled_from(
        [
            "</script><script>alert(1)</script>",
            '" onload="alert(1)',
            "<img src=x onerror=alert(1)>",
            "</style><b>",
            "<!-- ",
            "]]>",
            "&lt;script&gt;",
            "<?php",
            "</title>",
        ]
    ),
)


@given(HOSTILE)
@settings(deadline=None)
def test_no_text_breaks_out_of_its_element(text: str) -> None:
    page, plain = Page(text_of(report_with_text(text))), Page(text_of(report_with_text("x")))
    assert page.shape == plain.shape


@given(st.text(st.characters(codec=None)))
def test_an_escaped_text_is_unchanged_except_for_control_characters(text: str) -> None:
    page = Page(f"<p title='{escape(text)}'>{escape(text)}</p>")
    assert page.shape == [("p", ("title",)), "p"]
    read = "".join(page.texts)
    assert read == text or any(not character.isprintable() for character in text)
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", read)


def test_an_element_escapes_everything_but_markup() -> None:
    assert element("p", "<b>", element("b", "x"), None, ["y", element("i")]) == "<p>&lt;b&gt;<b>x</b>y<i></i></p>"
    assert element("a", "x", href='"><script>') == '<a href="&quot;&gt;&lt;script&gt;">x</a>'


def test_the_page_loads_nothing() -> None:
    page = Page(text_of(sample_report()))
    for name, value in page.attributes:
        assert name not in ("src", "srcset", "action", "data", "background", "xlink:href", "style")
        assert not name.startswith("on")
        if name == "href":
            assert value is not None
            assert value.startswith("#")
    assert "@import" not in text_of(sample_report())
    assert "url(" not in text_of(sample_report())


def test_the_policy_allows_only_the_inline_style_and_script() -> None:
    text = text_of(sample_report())
    policy = dict(Page(text).attributes)["content"] or ""
    (policy,) = [value for name, value in Page(text).attributes if name == "content" and "default-src" in (value or "")]
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    for kind in ("style", "script"):
        (inside,) = re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_the_report_contains_everything() -> None:
    text = " ".join(Page(text_of(sample_report())).texts)
    for expected in (
        *("Nightly scan", "Personal data in the shop", "DPO <dpo@example.org>", "a****@*******.***"),
        *(
            "logo.png",
            "binary: a PNG image",
            "read 40 of 60",
            "old.txt in ./files",
            "accepted by Ann, until 2027-01-31",
        ),
        *("RFC 5321; GDPR recital 30", "pruned", "The path 'archive' does not exist", "because of archive"),
    ):
        assert expected in text, expected


def test_an_incomplete_run_is_announced_first() -> None:
    text = text_of(failed_report())
    assert text.index("Incomplete. ") < text.index("<main>")
    assert "it timed out: The deadline has passed" in Page(text).texts[-1] or "it timed out" in text


def test_only_the_most_severe_of_many_findings_are_shown() -> None:
    many = [
        ReportedFinding(
            sample_finding(
                f"{number:032x}", severity="high" if number % 1000 == 0 else "low", location=f"{number}.txt"
            ),
            ("x",),
            Location(),
            (),
            (),
            None,
        )
        for number in range(MAX_ROWS + 7)
    ]
    text = text_of(sample_report(many, comparison=None))
    assert f"Only the {MAX_ROWS:,} most severe findings are shown." in text
    assert "The exports json, csv and sarif also contain the other 7." in text
    assert text.count("<tr id=") == MAX_ROWS
    first = text.index("<tr id=")
    assert "high" in text[first : first + 200]
