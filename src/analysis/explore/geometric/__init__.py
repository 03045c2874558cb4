"""How are the pictures of each class laid out, and which flips and rotations would training survive?

Method: edge density and flip differences come from the scan; directions of contours (circular statistics in
doubled angles, Mardia and Jupp 2000), symmetry and the centre of the detail from thumbnails. A flip or
rotation is judged for each class by two tests on held-out images (see `evidence`): whether the class
comes in that pose already (classifier two-sample test, Lopez-Paz and Oquab 2017), and whether a classifier
that never saw the pose still recognises the class or takes it for another one.

- safe: the pose is there already, or the class is recognised all the same;
- unusual pose: neither. Training with it spends effort on images that will not come;
- changes the class: posed images pass for another class, and would be mislabelled: a 6 upside down;
- unclear: the images do not suffice to tell.

How the result misleads: the test sees shapes and colours of a thumbnail. Where text or a small sign decides
the class, it misses that a flip changes it. A class that differs much from all others is recognised in any
pose, which makes the pose harmless, not useful. Poses the sample lacks may yet come in use.
"""
