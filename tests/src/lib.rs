//! Integration tests of the workspace live in `tests/*.rs` beside this crate.
