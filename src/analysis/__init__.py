"""The audit: a folder per chapter, and in it a folder per stage; beneath them the rooms that chapters share.

The data flows through `obtain`, `scrub`, `explore`, `model`, `interpret` and `report`: each stage reads
tables that those before it wrote. No chapter imports another. What several need lies in a room that is
named for what it knows: `dataset`, `statistics`, `drawing`, and beside this package `models`, the torch
library. `contract` says what a stage takes and gives, `pipeline` runs it. docs/architecture.md has the
whole; tests/test_house.py holds it.
"""

import os

# Sums come out a little different when another number of threads shares them, and what follows may amplify
# that. One thread a matrix product lets a result depend neither on the engine that ran a stage nor on the
# cores. It is read as numpy is imported, which is after this.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
# Before torch is imported: its threads sleep while they wait for one another. Spinning, which is the default,
# makes training ten times slower as soon as another stage or program wants the same cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
