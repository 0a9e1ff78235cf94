"""Frames of a line inspected: a log that goes on where it stopped, a report to read, files to correct regions in."""
