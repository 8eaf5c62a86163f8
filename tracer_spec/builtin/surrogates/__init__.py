"""Surrogates: one file for each kind of learner."""
