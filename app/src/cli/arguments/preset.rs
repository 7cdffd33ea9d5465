//! `--preset`: the option's help, its completions and the first page of help share one list of presets.

use clap::Arg;
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use glasshouse_engine::protocol::presets::PRESETS;
use std::ffi::OsStr;

/// Accepts any name. The run's settings refuse an unknown preset, with a suggestion of the nearest name.
#[derive(Clone, Copy, Debug)]
pub struct PresetParser;

impl TypedValueParser for PresetParser {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(PRESETS.iter().map(|(name, about)| PossibleValue::new(*name).help(*about))))
    }
}

/// A line per preset, with its description.
pub fn list() -> String {
    let widest = PRESETS.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    PRESETS.iter().map(|(name, about)| format!("  {name:<widest$}  {about}\n")).collect()
}
