"""Acceptors: predict whether a surrogate agrees with the teacher."""
