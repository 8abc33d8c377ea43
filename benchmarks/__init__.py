"""Measured, never asserted: one command each; the last line printed is one JSON object of the figures."""
