"""The request gate: which experts should answer, and how sure that is."""
