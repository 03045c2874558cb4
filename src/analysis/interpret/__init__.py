"""Why does it decide so, where does it fail, how far can it be trusted?"""
