"""What does the baseline say of every image, and what does it see in it?

Method: every readable image of every split is decoded and predicted once. Kept are the probabilities of the
classes and the embedding, which is what the last layer sees. Of the split that is judged (test, else
validation, else training) the surest mistakes are kept as small pictures, so that whoever shows some of them
opens no file. What later stages judge, they judge from these, so that another threshold predicts nothing.

How the result misleads: probabilities of a training image say how well it is remembered, not how well such
images are recognised. Embeddings are made to tell these classes apart, and hold little of what does not.
"""
