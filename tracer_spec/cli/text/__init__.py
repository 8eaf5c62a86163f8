"""Texts that the commands print."""
