//! The integration tests as one program, because separate programs would each link the whole engine again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

/// The values of those items of an iterator that match a pattern.
macro_rules! found {
    ($items:expr, $pattern:pat $(if $guard:expr)? => $value:expr) => {
        $items.filter_map(|item| match item {
            $pattern $(if $guard)? => Some($value),
            _ => None,
        })
    };
}

mod adapter;
mod checkpoint;
mod common;
mod compress;
mod evaluate;
mod export;
mod features;
mod finite_difference;
mod fixtures;
mod fixtures_parity;
mod fusions;
mod gguf;
mod gguf_llama_cpp;
mod gguf_models;
mod guard;
mod import;
mod inspect_views;
mod layouts;
mod loss_parity;
mod metrics;
mod model_card;
mod models_parity;
mod ops_parity;
mod optimizers_parity;
mod peft;
mod projects;
mod reproduction;
mod reward_model;
mod rewards;
mod runs;
mod selftest;
mod setup;
mod sources;
mod tensorboard;
mod tokenizer_python;
mod training;
