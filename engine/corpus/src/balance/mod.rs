//! What a corpus is made of, and in which shares it is trained on.
