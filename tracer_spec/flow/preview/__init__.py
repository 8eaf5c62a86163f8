"""What a build could certify and reuse, before anything runs."""
