"""How is the data distributed, and do the splits agree?

A folder per stage. Modules beside them are shared within the chapter alone.
"""
