"""Why does it decide so, where does it fail, how far can it be trusted?

`predict` asks the classifier once; the other stages judge what it said, or look into it. Modules beside the
folders are shared within the chapter alone.
"""
