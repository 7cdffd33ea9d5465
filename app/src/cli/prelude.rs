//! Imports shared by most commands.

pub(super) use super::arguments::{
    ConfigArguments, DEFAULT_PROJECT, DeviceArguments, FormatArguments, JsonArguments, ModelArguments,
    RunArguments, TrainArguments, at_least, choice, device_name, help, one_of, thread_count, within,
};
pub(super) use super::driver::{Engine, drive, shown};
pub(super) use super::report::{self, printable, say_event, say_json};
pub(super) use super::settings::{changed, check_device, check_new_file, run_config, usage};
pub(super) use super::train::quoted;
pub(super) use super::{hints, interrupt, terminal, trained};
pub(super) use anyhow::{Context as _, Result, anyhow, bail, ensure};
pub(super) use clap::builder::{PossibleValue, TypedValueParser};
pub(super) use clap::{Args, Subcommand};
pub(super) use glasshouse_engine::project::Project;
pub(super) use glasshouse_engine::protocol::answer::Answer as _;
pub(super) use glasshouse_engine::protocol::blocks::{Block, Fact, Section};
pub(super) use glasshouse_engine::protocol::evaluation::{Cell, Table};
pub(super) use glasshouse_engine::protocol::quantity::{
    NOTHING, bytes, count, counted, duration, figures, flop, percent, quantity, scientific, things,
    tokens_per_second, whole,
};
pub(super) use glasshouse_engine::protocol::setting::Settings as _;
pub(super) use glasshouse_engine::protocol::*;
pub(super) use glasshouse_engine::session;
pub(super) use serde_json::{Map, Value, json};
pub(super) use std::collections::BTreeMap;
pub(super) use std::io::{IsTerminal as _, Write as _};
pub(super) use std::path::{Path, PathBuf};
pub(super) use std::process::ExitCode;
pub(super) use std::sync::atomic::Ordering;
