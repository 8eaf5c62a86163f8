"""Inputs: finding and opening files, on this machine and on other file systems, compressed or not."""
