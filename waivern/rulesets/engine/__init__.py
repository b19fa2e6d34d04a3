"""Pattern engines: all patterns and words of a ruleset in one pass over a text."""
