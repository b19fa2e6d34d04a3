"""Random DAGs: {artifact: what it is made from}."""

from hypothesis import strategies as st

Dag = dict[str, list[str]]


@st.composite
def dags(draw: st.DrawFn, *, most: int = 12) -> Dag:
    """A DAG of up to `most` artifacts; an artifact may be written before what it is made from."""
    number = draw(st.integers(1, most))
    names = [f"a{index}" for index in range(number)]
    edges = {
        name: draw(st.lists(st.sampled_from(names[:index]), unique=True, max_size=4)) if index else []
        for index, name in enumerate(names)
    }
    return {name: edges[name] for name in draw(st.permutations(names))}


def everything_after(dag: Dag, artifact: str) -> set[str]:
    """What is made from `artifact`, directly or not; the slow and obvious way."""
    direct = {name for name, inputs in dag.items() if artifact in inputs}
    return direct.union(*(everything_after(dag, name) for name in direct))
