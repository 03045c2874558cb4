"""What is odd?"""
