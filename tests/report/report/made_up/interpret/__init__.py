"""How far can it be trusted?"""
