"""How much came in?

Counts what came in.
"""
