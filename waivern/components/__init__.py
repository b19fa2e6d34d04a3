"""Components of runbooks: the base classes of connectors, analysers and factories, and their registry."""
