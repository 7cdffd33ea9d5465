//! The tests of window and command line, one program: each of their own would be linked with the whole application again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod active_learning;
mod auditing;
mod beginnings;
mod benches;
mod chat;
mod chat_page;
mod classify;
mod command_line;
mod data_bench;
mod data_engine;
mod data_page;
mod distilling;
mod evaluate_page;
mod evaluating;
#[cfg(unix)]
mod faults;
mod feedback;
mod frames;
mod front_ends;
mod gguf;
mod gpu_day;
mod handover;
mod importing;
mod inspect_page;
mod inspect_parts;
mod inspected_files;
mod inspecting;
mod judges;
mod keyboard;
mod learn;
mod meets;
mod moderating;
mod preferences;
mod proposing;
mod recipes;
mod recording;
mod reward_model;
mod rewards;
mod screenshots;
mod serving;
mod serving_clients;
mod serving_window;
mod start;
mod support;
mod text_pages;
mod tuning;
mod window;
