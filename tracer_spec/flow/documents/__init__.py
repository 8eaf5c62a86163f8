"""The documents of a bundle and the lock: one model each, which writes, reads and describes it."""
