"""Use cases about runbooks, components and rulesets, without running anything."""
