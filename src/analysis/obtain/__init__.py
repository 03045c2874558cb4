"""What images and labels are there, and what does each image measure?

`prepare` lists the images, `scan` decodes each once and measures it, `embed` says which look alike. All later
stages read their tables, not their code.
"""
