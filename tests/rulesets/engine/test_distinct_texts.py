"""Scanning each distinct cell once finds the same as scanning every cell."""

from hypothesis import given
from hypothesis import strategies as st

from waivern.rulesets.engine.batch import TextContext
from waivern.rulesets.engine.distinct_texts import DistinctTexts

RUNS = st.lists(st.tuples(st.lists(st.sampled_from(["", "a", "b", "anna@example.org"]), max_size=12), st.booleans()))


@given(RUNS)
def test_what_is_found_in_distinct_texts_belongs_to_all_equal_texts_of_the_same_context(
    runs: list[tuple[list[str], bool]],
) -> None:
    contexts = [TextContext(frozenset({number}), is_cell=is_cell) for number, (_, is_cell) in enumerate(runs)]
    texts = [text for run, _ in runs for text in run]
    distinct = DistinctTexts(texts, [(len(run), context) for (run, _), context in zip(runs, contexts, strict=True)])

    context_of = [context for number, context in distinct.contexts for _ in range(number)]
    found = {index: (text, context_of[index]) for index, text in enumerate(distinct.texts) if text}
    expected = [(text, context) for (run, _), context in zip(runs, contexts, strict=True) for text in run]
    assert distinct.expanded(found) == {index: value for index, value in enumerate(expected) if value[0]}
    assert list(distinct.expanded(found)) == sorted(distinct.expanded(found))
    assert len(distinct.texts) == len(context_of)


def test_only_cells_are_reduced_and_only_if_many_repeat() -> None:
    cell, text = TextContext(is_cell=True), TextContext()
    assert DistinctTexts(["a"] * 4, [(4, cell)]).texts == ["a"]
    assert DistinctTexts(["a"] * 4, [(4, text)]).texts == ["a"] * 4
    assert DistinctTexts([*"abcdefghij", "a"], [(11, cell)]).texts == [*"abcdefghij", "a"]
