//! Text of our own: stories by a seeded grammar, and instruction tasks about their world, with answers that a program can check.
//!
//! Nothing here reads or writes files. All of it is integer arithmetic over [`glasshouse_protocol::random`], so that a seed gives the same
//! rows on every target. In a browser what makes tasks is a module of its own (`web/reader`), and the engine has the stories and checks alone.

pub mod rows;
pub mod stories;
pub mod tasks;

pub use rows::rows;
