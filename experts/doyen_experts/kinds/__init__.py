"""The built-in kinds of expert. Nothing is imported here: the registry loads a kind when it is asked for."""
