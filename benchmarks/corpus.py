"""A reproducible corpus of any size: code, prose and rows of tables, some of it with personal data."""

import random
from collections.abc import Callable, Iterator
from typing import Any

from waivern.messages.message import Message
from waivern.messages.schema import STANDARD_INPUT

_FILE_CHARACTERS = 40_000
_SOURCE = "corpus"

_WORDS = """
the of and a to in is that for it was on are as with they be at one have this from or had by but some what
there we can out other were all your when up use word how said an each she which do their time if will way
about many then them would write like so these her long make thing see him two has look more day could go come
did number sound no most people over know water than call first who may down side been now find any new work
part take get place made live where after back little only round man year came show every good give our under
name very through just form sentence great think say help low line differ turn cause much mean before move
right boy old too same tell does set three want air well also play small end put home read hand port large
spell add even land here must big high such follow act why ask men change went light kind off need house
picture try us again animal point mother world near build self earth father order system report customer
service quarter market contract payment delivery address
""".split()  # noqa: SIM905  easier to read as text
_IDENTIFIERS = """
request response handler config value index result buffer node tree parser token stream cursor batch worker
queue session context option target source offset length total count cache entry record field column table
schema query client server socket thread process event state user account order item price status message
error logger path
""".split()  # noqa: SIM905  easier to read as text
_FIRST_NAMES = """
Anna Bram Chloe Dieter Elif Farid Greta Hugo Ines Jonas Kaya Lena Marek Nora Otto Petra
""".split()  # noqa: SIM905  easier to read as text
_LAST_NAMES = """
Abel Bianchi Claes Duarte Egger Fontaine Garcia Holm Ivanov Jansen Keller Lindqvist Moreau Novak
""".split()  # noqa: SIM905  easier to read as text


def messages(megabytes: float, *, rows_as_cells: bool = True, seed: int = 20261123) -> list[Message]:
    """Return about `megabytes` million characters: 40 % code, 35 % prose, 25 % rows.

    Rows are items per cell, as from database connectors, or files with SQL INSERT statements.
    """
    rng = random.Random(seed)
    size = int(megabytes * 1_000_000)
    data = [*_files(rng, size * 40 // 100, "src/module_{}.py", code_line)]
    data += _files(rng, size * 35 // 100, "docs/letter_{}.txt", prose_line)
    if rows_as_cells:
        data += _rows(rng, size * 25 // 100)
    else:
        data += _files(rng, size * 25 // 100, "dumps/rows_{}.sql", insert_line)
    content = {"schemaVersion": "1.0.0", "name": "Corpus", "source": _SOURCE, "data": data}
    return [Message("corpus", content, STANDARD_INPUT)]


def dense_messages(megabytes: float, *, seed: int = 20261123) -> list[Message]:
    """Return about `megabytes` million characters of CSV files with names, e-mail addresses, phones and dates only."""
    rng = random.Random(seed)
    data = list(_files(rng, int(megabytes * 1_000_000), "dumps/people_{}.csv", _person_line))
    return [
        Message("dump", {"schemaVersion": "1.0.0", "name": "Dump", "source": _SOURCE, "data": data}, STANDARD_INPUT)
    ]


def _person_line(rng: random.Random) -> str:
    first, last = rng.choice(_FIRST_NAMES), rng.choice(_LAST_NAMES)
    email = f"{first}.{last}{rng.randrange(10**6)}@example.org".lower()
    birth = f"{rng.randint(1940, 2005)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    return f"{first},{last},{email},+44 20 {rng.randrange(7 * 10**7, 8 * 10**7)},{birth}"


def _files(rng: random.Random, size: int, name: str, line: Callable[[random.Random], str]) -> Iterator[dict[str, Any]]:
    for number in range(max(1, size // _FILE_CHARACTERS)):
        lines, length = [], 0
        while length < _FILE_CHARACTERS:
            lines.append(line(rng))
            length += len(lines[-1]) + 1
        yield {"content": "\n".join(lines), "metadata": _metadata(file_path=name.format(number))}


def _rows(rng: random.Random, size: int) -> Iterator[dict[str, Any]]:
    row = 0
    while size > 0:
        row += 1
        for table, columns in (("customers", _customer(rng)), ("products", _product(rng))):
            for column, value in columns.items():
                size -= len(value) + 1
                yield {"content": value, "metadata": _metadata(table=table, column=column, row=str(row))}


def insert_line(rng: random.Random) -> str:
    table, columns = rng.choice((("customers", _customer(rng)), ("products", _product(rng))))
    values = ", ".join(f"'{value}'" for value in columns.values())
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values});"


def _metadata(**more: str) -> dict[str, str]:
    return {"source": _SOURCE, "connector_type": "benchmark", **more}


def _customer(rng: random.Random) -> dict[str, str]:
    first, last = rng.choice(_FIRST_NAMES), rng.choice(_LAST_NAMES)
    return {
        "id": str(rng.randrange(10**6)),
        "first_name": first,
        "last_name": last,
        "email": f"{first}.{last}{rng.randrange(99)}@example.org".lower(),
        "phone": f"+44 20 7946 0{rng.randrange(1000):03d}",
        "created_at": f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d} 12:00:00",
        "comment": _sentence(rng, 12),
    }


def _product(rng: random.Random) -> dict[str, str]:
    return {
        "sku": f"{rng.choice('ABCDE')}-{rng.randrange(10**8):08d}",
        "title": _sentence(rng, 4),
        "price": f"{rng.randrange(100_000) / 100:.2f}",
        "description": _sentence(rng, 25),
    }


def code_line(rng: random.Random) -> str:
    one, two, three = rng.choices(_IDENTIFIERS, k=3)
    kind = rng.randrange(40)
    if kind == 0:
        return f'CONTACT = "{rng.choice(_FIRST_NAMES).lower()}@example.com"  # {_sentence(rng, 5)}'
    if kind == 1:
        return f"    {one}.first_name = {two}.get('last_name', {rng.randrange(10**9)})"
    if kind == 2:
        return f"    HOST = '10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randint(1, 254)}'"
    if kind < 12:
        return f"    def {one}_{two}(self, {three}: int = {rng.randrange(10**4)}) -> None:"
    if kind < 20:
        return f'        """{_sentence(rng, 9).capitalize()}."""'
    return f"        self.{one}_{two} = {three}[{rng.randrange(10**6)}] if {two} is not None else {one}({three}={two})"


def prose_line(rng: random.Random) -> str:
    text = _sentence(rng, 60).capitalize() + "."
    if rng.random() < 0.1:
        first, last = rng.choice(_FIRST_NAMES), rng.choice(_LAST_NAMES)
        text += f" Write to {first}.{last}@example.net or call {rng.choice(('030', '040'))} {rng.randrange(10**7)}."
    if rng.random() < 0.05:
        text += f" She was born on {rng.randint(1, 28)}.{rng.randint(1, 12)}.{rng.randint(1940, 2005)}."
    return text


def _sentence(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(_WORDS, k=words))
