//! Task metrics, each equal to its referee package.
