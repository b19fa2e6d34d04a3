"""Each limit of a plan holds exactly at its bound: what is just allowed plans, and one more is refused."""

from pathlib import Path

import pytest

from tests.plans.fake_components import derived, plan_of, problems_of, registry, source
from waivern.errors import PlanError
from waivern.plans.planner import Planner

CHILD = "name: C\ndescription: d\noutputs: {o: {artifact: s}}\nartifacts: {s: {source: {type: files}}}"
NESTED = "name: N\ndescription: d\noutputs: {o: {artifact: c}}\nartifacts: {c: {child_runbook: {path: %s, output: o}}}"


def main_with(*children: str) -> str:
    child = "  c{}: {{child_runbook: {{path: {}, output: o}}}}\n"
    lines = [child.format(at, path) for at, path in enumerate(children)]
    return "name: Main\ndescription: d\nconfig: {max_child_depth: 2}\nartifacts:\n" + "".join(lines)


@pytest.fixture
def problems(tmp_path: Path):
    """Write main.yaml and its child runbooks, and return the problems that prevent its plan."""

    def problems(main: str, **children: str) -> list[str]:
        for name, text in {"main": main, "child": CHILD, **children}.items():
            (tmp_path / f"{name}.yaml").write_text(text)
        try:
            Planner(registry(), environment={}).plan(tmp_path / "main.yaml")
        except PlanError as error:
            return [problem.replace(f"{tmp_path}/", "") for problem in error.problems]
        return []

    return problems


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("waivern.plans.child_runbooks.MAX_CHILDREN", 3)
    monkeypatch.setattr("waivern.plans.child_runbooks.MAX_NAMES", 8)


@pytest.mark.usefixtures("small_limits")
def test_a_runbook_has_at_most_its_number_of_child_runbooks(problems, monkeypatch):
    monkeypatch.setattr("waivern.plans.child_runbooks.MAX_NAMES", 100)
    assert problems(main_with(*["child.yaml"] * 3)) == []
    (problem,) = problems(main_with(*["child.yaml"] * 4))
    assert problem == "main.yaml:8: artifacts.c3.child_runbook: the runbook has more than 3 child runbooks"


@pytest.mark.usefixtures("small_limits")
def test_a_runbook_and_its_children_have_at_most_their_number_of_names():
    assert problems_of({f"a{at}": source() for at in range(8)}) == []
    with pytest.raises(PlanError) as caught:
        plan_of({f"a{at}": source() for at in range(9)})
    assert str(caught.value) == "Scan: there are more than 8 artifacts, inputs and outputs in total"


@pytest.mark.parametrize(
    ("more", "total"),
    [
        ("", 5),  # c0 in main.yaml, o and c in nested.yaml, o and s in child.yaml
        ("  d: {inputs: c0, process: {type: scan}}\n", 6),
        ("inputs: {i: {input_schema: a/1.0.0, optional: true}}\n", 6),
        ("outputs: {p: {artifact: c0}, q: {artifact: c0}}\n", 7),
        ("  e: {child_runbook: {path: child.yaml, output_mapping: {o: f}}}\n", 9),
    ],
)
def test_each_name_of_a_runbook_and_its_children_counts(problems, monkeypatch, more, total):
    main = main_with("nested.yaml")
    main = main + more if more.startswith("  ") else main.replace("artifacts:", f"{more}artifacts:")
    monkeypatch.setattr("waivern.plans.child_runbooks.MAX_NAMES", total - 1)
    (problem,) = problems(main, nested=NESTED % "child.yaml")
    assert f"with this child runbook there are more than {total - 1} artifacts, inputs and outputs in total" in problem
    monkeypatch.setattr("waivern.plans.child_runbooks.MAX_NAMES", total)
    assert problems(main, nested=NESTED % "child.yaml") == []


def test_child_runbooks_are_nested_at_most_as_deep_as_the_runbook_allows(problems):
    files = {"one": NESTED % "child.yaml", "two": NESTED % "one.yaml"}
    assert problems(main_with("one.yaml"), **files) == []
    (problem,) = problems(main_with("two.yaml"), **files)
    chain = "main.yaml -> two.yaml -> one.yaml -> child.yaml"
    assert problem == (
        f"one.yaml:4: artifacts.c.child_runbook: child runbooks are nested too deep: {chain}."
        " Increase config.max_child_depth, which is 2"
    )


def test_similar_names_are_suggested_for_a_limited_number_of_unknown_ones(monkeypatch):
    monkeypatch.setattr("waivern.plans.references.MAX_SUGGESTIONS", 3)
    artifacts = {"first": source(), **{f"b{at}": derived("frist") for at in range(5)}}
    suggested = "there is no artifact 'frist'. Did you mean 'first'?"
    assert problems_of(artifacts) == [
        *(f"artifacts.b{at}.inputs: {suggested}" for at in range(3)),
        "artifacts.b3.inputs: there is no artifact 'frist'",
        "artifacts.b4.inputs: there is no artifact 'frist'",
    ]


def test_a_limited_number_of_cycles_is_shown(monkeypatch):
    monkeypatch.setattr("waivern.plans.cycles.MAX_CYCLES_SHOWN", 3)
    found = problems_of({f"a{at}": derived(f"a{at}") for at in range(4)})
    cycles = [f"artifacts.a{at}.inputs: artifacts depend on one another in a cycle: a{at} -> a{at}" for at in range(3)]
    assert [problem for problem in found if "cycle" in problem] == cycles


def test_a_problem_shows_a_limited_number_of_inputs():
    artifacts = {"code": source("code"), **{f"a{at}": source() for at in range(10)}}
    (problem,) = problems_of({**artifacts, "all": derived(*artifacts, by=None)})
    shown = ", ".join(["source_code/1.0.0 from code", *(f"standard_input/1.0.0 from a{at}" for at in range(9))])
    assert problem == f"artifacts.all.inputs: inputs with different schemas need a process to merge them: {shown}"
