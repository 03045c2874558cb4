"""How stages are declared, fed, run and recorded; knows no image.

Of chapters and rooms, all may use `cores` and `progress`, the report also `dag`, a stage's `__main__` the
`runner`.
"""
