"""How long is each text?"""
