"""The demo: experts over real documents that come with packages, so that a fresh machine needs no hub."""
