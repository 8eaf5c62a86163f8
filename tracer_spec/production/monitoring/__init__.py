"""The monitor: a certificate held against the log of decisions, line by line."""
