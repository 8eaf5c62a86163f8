"""What earlier builds embedded and trained, kept on this machine."""
