//! What differs between a desktop and a browser, under the same names: the only place of the engine with a target in its
//! conditions.

pub mod lanes;
pub mod parallel;
