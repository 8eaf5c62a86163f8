"""``router.lock``: what a build was made from and came to, and the looks at certify rows."""
