"""The audit: Obtain, Scrub, Explore, Interpret and Report, and the few modules they share."""

import os

# Sums come out a little different when another number of threads shares them, and what follows may amplify
# that. One thread a matrix product lets a result depend neither on the engine that ran a stage nor on the
# cores. It is read as numpy is imported, which is after this.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
