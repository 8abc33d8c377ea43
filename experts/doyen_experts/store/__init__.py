"""An expert's documents and their index: parsed, cut into chunks, embedded, kept as immutable generations."""
