"""What is broken, duplicated, leaked or mislabelled?

A folder per check; `self_test` tries them on planted faults, `clean` turns what people decide into the
manifest that training uses. Modules beside the folders are shared within the chapter alone.
"""
