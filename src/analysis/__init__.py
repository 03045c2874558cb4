"""The audit: a folder for each chapter, from Obtain to Report, and beneath them what they share."""

import os

# Sums come out a little different when another number of threads shares them, and what follows may amplify
# that. One thread a matrix product lets a result depend neither on the engine that ran a stage nor on the
# cores. It is read as numpy is imported, which is after this.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
# Before torch is imported: its threads sleep while they wait for one another. Spinning, which is the default,
# makes training ten times slower as soon as another stage or program wants the same cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
