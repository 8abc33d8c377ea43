"""Text encoders: from a text to a unit vector."""
