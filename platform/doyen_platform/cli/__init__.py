"""The command line `doyen`."""
