"""What has been decided about the findings, what is proposed for the rest, and what does training use?

Method: `decisions.csv`, which people write, is held against the images by content hash, so that a decision
survives renaming. For findings that nobody has decided yet `proposed.csv` says in the same form what could be
done, by fixed rules (`proposals`). With `clean.apply` the decided changes and the proposed drops are applied
to the manifest that training and evaluation use; a label is changed only by a person's decision. With
`clean.repair_splits` groups of copies are put on one side of the splits (`split_repair`), and then nothing
has to be dropped for leaking. By default the cleaned manifest is the dataset as it is. Files are never
touched.

How it misleads: a proposal comes from a rule, not from looking: of two frames of one film the training one is
dropped as if it were a copy. What is judged on is left alone, except by decisions and by repaired splits:
those change the test images, so that scores before and after are not of the same images. And a score that
rises because hard images were dropped is no gain.
"""
