import pytest

from waivern.files.patterns import Patterns, pattern_error


@pytest.mark.parametrize(
    ("pattern", "meant", "not_meant"),
    [
        ("*.png", ["a.png", "deep/er/b.png"], ["a.png.txt", "A.PNG"]),
        ("logs/", ["logs/a", "x/logs/a/b"], ["logs", "catalogs/a"]),
        ("/top.txt", ["top.txt"], ["deep/top.txt"]),
        ("./top.txt", ["top.txt"], ["deep/top.txt"]),
        ("**/cache/*.tmp", ["cache/a.tmp", "x/y/cache/a.tmp"], ["cache/deep/a.tmp"]),
        ("docs/**", ["docs/a", "docs/b/c"], ["other/docs/a"]),
        ("data/*.csv", ["data/a.csv"], ["data/deep/a.csv", "x/data/a.csv"]),
        ("caf[ée].txt", ["café.txt"], ["cafa.txt"]),
    ],
)
def test_a_pattern_matches_as_in_a_gitignore(pattern: str, meant: list[str], not_meant: list[str]) -> None:
    patterns = Patterns([pattern])
    assert [name for name in [*meant, *not_meant] if patterns.match_file(name)] == meant


def test_a_later_pattern_negates_an_earlier_one() -> None:
    patterns = Patterns(["*.log", "!keep.log"])
    assert patterns.match_file("a.log") == "*.log"
    assert patterns.match_file("keep.log") is None


def test_a_whole_folder_is_excluded_only_without_negation() -> None:
    assert Patterns(["logs/"]).match_folder("logs") == "logs/"
    assert Patterns(["logs/", "!logs/keep"]).match_folder("logs") is None


@pytest.mark.parametrize("pattern", ["", "#x", "[", "/", "\\"])
def test_a_pattern_that_matches_nothing_is_an_error(pattern: str) -> None:
    assert pattern_error(pattern)
