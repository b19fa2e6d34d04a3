"""Commands about runbooks, components, rulesets and schemas, without running anything."""
