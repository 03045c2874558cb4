"""What should a person do first?"""
