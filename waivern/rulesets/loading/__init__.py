"""Finding, reading and checking the files of rulesets."""
