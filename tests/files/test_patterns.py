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
def test_a_pattern_means_what_a_gitignore_means_by_it(pattern: str, meant: list[str], not_meant: list[str]) -> None:
    patterns = Patterns([pattern])
    assert [name for name in [*meant, *not_meant] if patterns.match_file(name)] == meant


def test_a_later_pattern_takes_back_what_an_earlier_one_said() -> None:
    patterns = Patterns(["*.log", "!keep.log"])
    assert patterns.match_file("a.log") == "*.log"
    assert patterns.match_file("keep.log") is None


def test_a_folder_is_left_out_as_a_whole_only_where_nothing_in_it_is_taken_back() -> None:
    assert Patterns(["logs/"]).match_folder("logs") == "logs/"
    assert Patterns(["logs/", "!logs/keep"]).match_folder("logs") is None


@pytest.mark.parametrize("pattern", ["", "#x", "[", "/", "\\"])
def test_a_pattern_that_can_mean_nothing_has_a_fault(pattern: str) -> None:
    assert pattern_error(pattern)
