"""Models and checkpoints: CLIPs, image classifiers, adapters. Knows nothing of data sets."""
