"""Which texts are there?"""
