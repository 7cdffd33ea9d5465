//! Personal data and secrets: found, counted, and replaced before anything is written.
