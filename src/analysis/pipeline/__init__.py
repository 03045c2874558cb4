"""How stages are declared, fed, run and recorded; knows no image.

Of the chapters, the report may use `dag`, and a stage's `__main__` the `runner`.
"""
