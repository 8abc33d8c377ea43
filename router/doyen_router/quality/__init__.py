"""Routing by quality and cost: how well each expert would answer a text, what that costs, and whom to choose."""
