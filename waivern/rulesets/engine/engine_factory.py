"""One pass of one engine over a text for all patterns of a ruleset.

Two engines give the same answers: hyperscan, and RE2 where hyperscan has no wheel. Both read bytes. A match of a value
pattern is what a backtracking engine would find, leftmost and first alternative first; hyperscan, which reports every
end that a match may have, only says where to look.
"""

import importlib.util

from waivern.rulesets.engine.pattern_engine import Engine, Wanted


def compile_engine(wanted: Wanted) -> Engine:
    """Make the fastest engine that this machine has.

    Raises:
        ValueError: the engine refuses a pattern.
    """
    if importlib.util.find_spec("hyperscan") is not None:
        from waivern.rulesets.engine.hyperscan_engine import HyperscanEngine

        return HyperscanEngine(wanted)
    from waivern.rulesets.engine.re2_engine import Re2Engine

    return Re2Engine(wanted)
