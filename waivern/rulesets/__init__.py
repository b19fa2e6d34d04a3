"""Rulesets: their model, their files, and the detection of what they describe."""
