"""The model of rules and rulesets."""
