"""Names of rulesets in runbooks: a bare name means the newest version, compared by numbers."""

from types import SimpleNamespace

import pytest

from waivern.rulesets.loading import ruleset_files

KNOWN = ["local/words/1.9.0", "local/words/1.10.0", "local/words/1.2.30", "local/words_too/9.0.0", "other/words/3.0.0"]


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("words", "local/words/1.10.0"),
        ("local/words/1.9.0", "local/words/1.9.0"),
        ("words_too", "local/words_too/9.0.0"),
        ("other/words/3.0.0", "other/words/3.0.0"),
        ("other/words/1.9.0", "other/words/1.9.0"),
        ("local/words/1.1.0", "local/words/1.1.0"),
        ("word", "word"),
        ("words/1.9.0", "words/1.9.0"),
    ],
)
def test_a_bare_name_means_the_newest_version(monkeypatch: pytest.MonkeyPatch, name: str, uri: str) -> None:
    monkeypatch.setattr(ruleset_files, "ruleset_files", lambda: SimpleNamespace(by_uri=dict.fromkeys(KNOWN)))
    assert ruleset_files.full_uri(name) == uri


def test_an_alias_keeps_the_version_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    known = ["local/personal_data_indicator/1.0.0", "local/personal_data_indicator/2.0.0"]
    monkeypatch.setattr(ruleset_files, "ruleset_files", lambda: SimpleNamespace(by_uri=dict.fromkeys(known)))
    assert ruleset_files.full_uri("personal_data") == known[1]
    assert ruleset_files.full_uri("local/personal_data/1.0.0") == known[0]
    assert ruleset_files.full_uri("local/personal_data/3.0.0") == "local/personal_data/3.0.0"
