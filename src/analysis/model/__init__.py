"""What does a sound classifier reach on the dataset, and what helps the rare classes?

The stages that train. How, the library `models` knows; here stands what is trained and what is said of it.
Modules beside the folders are shared within the chapter alone.
"""
