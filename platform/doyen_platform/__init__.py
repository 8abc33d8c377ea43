"""The platform: decides what happens to a request, and remembers it."""
