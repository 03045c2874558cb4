"""What is broken, duplicated, leaked or mislabelled?"""
