"""Choosing the engine: Hyperscan, or RE2 on platforms for which Hyperscan has no wheel.

Both find the same matches in one pass over the bytes of a text. A pattern's matches are those of a backtracking engine:
leftmost, and the first alternative first. Hyperscan reports every possible end of a match, so its reports only tell
where a backtracking engine has to look.
"""

import importlib.util

from waivern.rulesets.engine.pattern_engine import Engine, PatternSet


def compile_engine(pattern_set: PatternSet) -> Engine:
    """Compile a pattern set with the fastest engine that is installed.

    Raises:
        ValueError: The engine rejects a pattern.
    """
    if importlib.util.find_spec("hyperscan") is not None:
        from waivern.rulesets.engine.hyperscan_engine import HyperscanEngine

        return HyperscanEngine(pattern_set)
    from waivern.rulesets.engine.re2_engine import Re2Engine

    return Re2Engine(pattern_set)
