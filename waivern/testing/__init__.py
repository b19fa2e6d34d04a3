"""Tools for authors of plug-ins: contract tests for components, exporters and stores, builders and fakes."""
