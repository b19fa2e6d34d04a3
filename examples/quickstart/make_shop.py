"""Create the files of the quickstart that git does not store: the shop's database, and a binary image."""

import sqlite3
from contextlib import closing
from pathlib import Path

HERE = Path(__file__).parent
ONE_PIXEL = (
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49"
    "444154789c63b8b4a5e73f0007800312ffba41500000000049454e44ae426082"
)


def main() -> None:
    """Create both in the folder of this script, replacing old ones."""
    database = HERE / "shop.db"
    database.unlink(missing_ok=True)
    with closing(sqlite3.connect(database)) as shop:
        shop.executescript((HERE / "shop.sql").read_text(encoding="utf-8"))
    (HERE / "files" / "logo.png").write_bytes(bytes.fromhex(ONE_PIXEL))
    print(f"Created {database} and files/logo.png")


if __name__ == "__main__":
    main()
