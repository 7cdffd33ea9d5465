//! `glasshouse selftest`: a device against the reference, on this machine.

use super::arguments::SelftestArguments;
use super::settings::checked_device;
use anyhow::Result;
use glasshouse_engine::selftest;
use std::process::ExitCode;

pub(super) fn selftest(arguments: &SelftestArguments) -> Result<ExitCode> {
    let report = pollster::block_on(selftest::run(checked_device(&arguments.device)?, None))?;
    if arguments.json {
        say!("{}", serde_json::to_string(&report)?)?;
    } else {
        say!("{}", report.to_string().trim_end())?;
    }
    Ok(ExitCode::from(if report.passed() { 0 } else { 1 }))
}
