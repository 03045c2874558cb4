"""What is there at all?"""
