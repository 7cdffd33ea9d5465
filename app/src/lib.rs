//! The front end of Glasshouse. For now it is the headless command line.

pub mod cli;
