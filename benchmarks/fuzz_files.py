"""Fuzz the reading of files: `python -m benchmarks.fuzz_files SECONDS [--seed N] [--keep FOLDER]`.

Valid samples of every format that is registered, and of every language with a grammar, are mutated: bytes are changed,
slices repeated up to 200 KB, truncated, joined with other samples and nested. Each mutant is scanned as in a run, with
10 seconds of processor time and 1 GB of memory. Ends with 1 if a parser crashed, exceeded a limit, or if the scan
itself failed or grew beyond 1 GB; `--keep` writes such inputs to a folder.
"""

import argparse
import gzip
import io
import random
import resource
import sys
import time
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from benchmarks.measuring import print_table
from waivern.analysers.source_code import parsing
from waivern.analysers.source_code.grammars import GRAMMARS
from waivern.analysers.source_code.structure import NotParsedError
from waivern.files.formats.registry import FORMATS
from waivern.files.parsers.parsing import FileLimits
from waivern.files.reading import within_limit
from waivern.files.scanning import FileScan
from waivern.files.selection import FileSelection

TIME_LIMIT = 10.0
MEMORY_LIMIT = 10**9
MAX_INPUT = 200_000
_SELECTION = FileSelection(file_time_limit=TIME_LIMIT, file_memory_limit=MEMORY_LIMIT, max_file_size=20_000_000)
_TOKENS = (
    *(b"<", b">", b"</", b"<!--", b"-->", b"&a;", b"&#", b"{", b"}", b"[", b"]", b'"', b"'", b"\\", b",", b";", b":"),
    *(b"\n", b"\r\n", b"\t", b" ", b"\0", b"\xff", b"\x80", b"\xe9", b"--b\n", b"=?utf-8?q?", b"?=", b"name*0*=", b"%"),
    *(
        b"- ",
        b"? ",
        b"&a ",
        b"*a ",
        b"| ",
        b"<a>",
        b"<![CDATA[",
        b"]]>",
        b"<!ENTITY a 'b'>",
        b"BT ",
        b" Tj",
        b"<<",
        b">>",
    ),
    *(
        b"/Kids ",
        b"1 0 R ",
        b"obj\n",
        b"endobj\n",
        b"stream\n",
        b"not ",
        b"if a ",
        b"(",
        b")",
        b"a.",
        b"a=",
        b"!",
        b"-",
    ),
    *(
        b'<row r="1">',
        b'<c r="A1">',
        b"<v>1</v>",
        b"</c>",
        b"</row>",
        b"case a:",
        b"begin ",
        b"select ",
        b"a<",
        b"$(",
        b"`",
    ),
)
_CODE = (
    b'import a\n# a comment\nclass A:\n  def b(c, d): return "text"\n'
    b"function e(f) { return [1, 2]; }\nSELECT a FROM b;\n"
)


@dataclass(frozen=True)
class Sample:
    """A valid file, and how it is put together from the parts that are mutated."""

    name: str
    parts: Mapping[str, bytes]
    build: Callable[[Mapping[str, bytes]], bytes] = lambda parts: parts[""]


class _File:
    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self._content = content

    def read(self, *, limit: int) -> bytes:
        return within_limit(self._content, limit)


def samples() -> list[Sample]:
    """Return a sample for each format, by its extension or by its content."""
    texts = {
        ".csv": b'name,email,phone\nAnn Smith,ann@example.org,"+44 20 7946 0000"\nBob,bob@example.org,\n',
        ".json": b'{"people": [{"name": "Ann", "address": {"city": "York"}}, {"name": "Bob", "age": 17}]}',
        ".yaml": b"# people\npeople:\n  - name: Ann\n    address: {city: York}\n  - name: |\n      Bob\n",
        ".xml": b'<?xml version="1.0"?><r xmlns="urn:x"><p id="1">Ann <b>S</b></p><!-- c --><p>Bob</p></r>',
        ".html": b"<html><a href='x'>Ann</a><form><input name=a></form><script>x()</script><!-- c --></html>",
        ".eml": _mail(),
    }
    by_format = {FORMATS[suffix]: text for suffix, text in texts.items()}
    suffixes = {format_: suffix for suffix, format_ in reversed(FORMATS.items())}
    found = [Sample(f"a{suffix}", {"": by_format[format_]}) for format_, suffix in suffixes.items()]
    found.append(Sample("a.jsonl", {"": b'{"name": "Ann"}\n{"name": "Bob"}\n'}))
    found += [Sample("a.txt", {"": b"Ann Smith, ann@example.org, M\xfcnchen\n"}), Sample("a.log", {"": texts[".json"]})]
    found += [Sample("a.pdf", {"": _pdf()}), Sample("a.pdf", _pdf_parts(), _plain_pdf)]
    found += [Sample("a.docx", _unzipped(_docx()), _zipped), Sample("a.xlsx", _unzipped(_xlsx()), _zipped)]
    members = {"a.csv": texts[".csv"], "b/a.eml": texts[".eml"], "c.json": texts[".json"]}
    found += [Sample("a.zip", members, _zipped), Sample("a.zip", {"": _zipped(members)})]
    found += [Sample("a.json.gz", {"a": texts[".json"]}, lambda parts: gzip.compress(parts["a"]))]
    found += [Sample("a.csv.gz", {"": gzip.compress(texts[".csv"])})]
    return found


def code_samples() -> list[Sample]:
    """Return a sample for each language with a grammar; its name is the language's."""
    return [Sample(language, {"": _CODE}) for language in GRAMMARS]


def mutated(random_: random.Random, sample: Sample, others: list[Sample]) -> bytes:
    """Return a mutant of a sample."""
    parts = dict(sample.parts)
    for _ in range(random_.randint(1, 2)):
        name = random_.choice(list(parts))
        other = random_.choice(list(random_.choice(others).parts.values()))
        parts[name] = _mutated_bytes(random_, parts[name], other)
    content = sample.build(parts)
    return _mutated_bytes(random_, content, content) if random_.random() < 0.1 else content


def _mutated_bytes(random_: random.Random, content: bytes, other: bytes) -> bytes:
    for _ in range(random_.choice((1, 1, 2, 4))):
        content = random_.choice(_MUTATIONS)(random_, content, other)[:MAX_INPUT]
    return content


def _change_bytes(random_: random.Random, content: bytes, _other: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(random_.randint(1, 8)):
        if changed:
            changed[random_.randrange(len(changed))] = random_.randrange(256)
    return bytes(changed)


def _repeat_slice(random_: random.Random, content: bytes, _other: bytes) -> bytes:
    start, end = sorted(random_.randint(0, len(content)) for _ in range(2))
    end = min(end, start + random_.choice((1, 4, 16, 64, 1_000)))
    return content[:start] + content[start:end] * random_.choice((2, 100, 10_000, 100_000)) + content[end:]


def _repeat_token(random_: random.Random, content: bytes, _other: bytes) -> bytes:
    at = random_.randint(0, len(content))
    tokens = b"".join(random_.choices(_TOKENS, k=random_.randint(1, 3)))
    return content[:at] + tokens * random_.choice((1, 100, 10_000, 100_000)) + content[at:]


def _cut(random_: random.Random, content: bytes, _other: bytes) -> bytes:
    start, end = sorted(random_.randint(0, len(content)) for _ in range(2))
    return content[:start] + content[end:] if random_.random() < 0.5 else content[start:end]


def _splice(random_: random.Random, content: bytes, other: bytes) -> bytes:
    at = random_.randint(0, len(content))
    return content[:at] + other[random_.randint(0, len(other)) :] + content[at:]


_MUTATIONS = (_change_bytes, _repeat_slice, _repeat_token, _cut, _splice)


def outcome_of_file(name: str, content: bytes) -> str:
    """Scan a file; return what became of it: "scanned", or the worst code with which it is reported."""
    scan = FileScan(_SELECTION, source="fuzz", connector_type="filesystem")
    started = time.monotonic()
    scan.read([_File(name, content)])
    for _ in scan.items:
        pass
    if time.monotonic() - started > 6 * TIME_LIMIT:
        return "time_limit"
    codes = [entry["code"] for entry in scan.not_scanned]
    if any("the parser ended" in entry["reason"] for entry in scan.not_scanned):
        return "crash"
    return next((code for code in ("memory_limit", "time_limit", *codes) if code in codes), "scanned")


def outcome_of_code(language: str, content: bytes) -> str:
    """Parse a source file; return what became of it."""
    parsing.LIMITS = FileLimits(TIME_LIMIT, MEMORY_LIMIT)
    try:
        parsing.structure_of(content, "typescript" if language == "tsx" else language, is_tsx=language == "tsx")
    except NotParsedError as error:
        reason = str(error)
        if "the parser ended" in reason:
            return "crash"
        if reason.startswith("parsing it takes more than"):
            return "memory_limit" if "bytes" in reason else "time_limit"
        return "not_parsed"
    return "scanned"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--no-code", action="store_true", help="only files, no source code")
    given = parser.parse_args()
    random_ = random.Random(given.seed)
    files = samples()
    all_samples = files if given.no_code else files + code_samples()
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    faults = number = 0
    end = time.monotonic() + given.seconds
    while time.monotonic() < end:
        sample = all_samples[number % len(all_samples)]
        number += 1
        is_code = sample not in files
        content = mutated(random_, sample, all_samples)
        outcome = _outcome(sample.name, content, is_code=is_code)
        outcomes["source code: " + sample.name if is_code else sample.name][outcome] += 1
        if outcome in _FAULTS:
            faults += 1
            _report(given.keep, f"{number}-{outcome}-{sample.name}", content)
    _print(outcomes)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{number:,} inputs, {faults} faults, the scan's own memory at most {peak / 1e6:.0f} MB")
    return 1 if faults or peak > MEMORY_LIMIT else 0


_FAULTS = ("exception", "crash", "time_limit", "memory_limit")


def _outcome(name: str, content: bytes, *, is_code: bool) -> str:
    try:
        return outcome_of_code(name, content) if is_code else outcome_of_file(name, content)
    except Exception as error:  # noqa: BLE001  any exception is what is looked for
        print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
        return "exception"


def _report(folder: Path | None, name: str, content: bytes) -> None:
    print(f"fault: {name} ({len(content):,} bytes)", file=sys.stderr, flush=True)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _print(outcomes: Mapping[str, Counter[str]]) -> None:
    rows = []
    for name, counts in sorted(outcomes.items()):
        others = counts.total() - counts["scanned"] - sum(counts[fault] for fault in _FAULTS)
        rows.append((name, counts.total(), counts["scanned"], others, *(counts[fault] for fault in _FAULTS)))
    print_table("mutants by format", ("sample", "inputs", "scanned", "not scanned", *_FAULTS), rows)


def _zipped(parts: Mapping[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return written.getvalue()


def _unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _mail() -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ann <ann@example.org>", "bob@example.org", "Grüße"
    mail.set_content("Call me")
    mail.add_alternative("<p>Call <b>me</b></p>", subtype="html")
    mail.add_attachment(b"a,b\n1,2\n", maintype="text", subtype="csv", filename="grüße.csv")
    return mail.as_bytes()


def _docx() -> bytes:
    namespace = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    body = "<w:p><w:r><w:t>Ann Smith</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl>"
    document = f'<w:document xmlns:w="{namespace}"><w:body>{body}</w:body></w:document>'
    core = '<p xmlns:d="urn:d"><d:creator>Ann</d:creator></p>'
    return _zipped(
        {
            "[Content_Types].xml": b"<Types/>",
            "word/document.xml": document.encode(),
            "docProps/core.xml": core.encode(),
            "word/_rels/document.xml.rels": b'<R><R TargetMode="External" Target="http://example.org"/></R>',
        }
    )


def _xlsx() -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.create_sheet("People")
    sheet.append(["name", "born"])
    sheet.append(["Ann", "1980-01-02"])
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _pdf() -> bytes:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(_plain_pdf(_pdf_parts()))))
    for page in writer.pages:
        page.compress_content_streams()
    writer.add_metadata({"/Author": "Ann Smith"})
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def _pdf_parts() -> dict[str, bytes]:
    text = b"BT /F1 12 Tf 10 100 Td (Dear Ann) Tj ET"
    return {
        "1": b"<< /Type /Catalog /Pages 2 0 R >>",
        "2": b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "3": b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        "4": b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        "5": b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    }


def _plain_pdf(parts: Mapping[str, bytes]) -> bytes:
    """Return a PDF document whose cross-reference table is right, whatever its objects hold."""
    written = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, content in parts.items():
        offsets.append(len(written))
        written += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1)
    written += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    written += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(parts) + 1, table)
    return bytes(written)


if __name__ == "__main__":
    sys.exit(main())
