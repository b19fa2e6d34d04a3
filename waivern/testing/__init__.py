"""For authors of plug-ins: the contracts that connectors, analysers and stores are held to, builders and fakes."""
