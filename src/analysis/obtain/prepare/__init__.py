"""Which images and labels are there, and which split does each belong to?

Lists every image that the dataset names (see `sources`), hashes its content, completes the splits (see
`splits`) and gives each image one row of the manifest, on which all other stages stand. Nothing is dropped
silently: an image that is missing, or must not or cannot be opened, keeps its row and says so in `status`.

How it misleads: what the dataset does not name, such as an image that its CSV leaves out, is not seen. Only
byte-for-byte copies are kept on one side of a split that is made here; near copies, such as frames of one
film, are not, and then test results look better than they are. Splits that the dataset brings are kept as
they are, with their leaks.
"""
