"""What does a sound classifier reach on the dataset, and what helps the rare classes?"""
