//! Whether a model is as sure as it is right.
