"""Families: one file for each shape of policy."""
