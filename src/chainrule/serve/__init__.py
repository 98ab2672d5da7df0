"""Predictions over HTTP: rows as JSON, CSV or Arrow come in, predictions go out; loopback unless a host is named."""
