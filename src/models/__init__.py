"""What does a sound classifier reach on the dataset, and what helps the rare classes?"""

import os

# Before torch is imported: its threads sleep while they wait for one another. Spinning, which is the default,
# makes training ten times slower as soon as another stage or program wants the same cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
