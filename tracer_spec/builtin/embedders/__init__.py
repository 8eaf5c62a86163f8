"""Embedders: from text to vector."""
