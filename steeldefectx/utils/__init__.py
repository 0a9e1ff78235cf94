"""What every room may use: files, caches, hashes, figures, grey levels."""
