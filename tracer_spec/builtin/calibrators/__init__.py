"""Calibrators: one file for each rule of certifying."""
