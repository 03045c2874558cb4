"""How is the data distributed, and do the splits agree?"""
