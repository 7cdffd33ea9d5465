//! `glasshouse plan`: what a run would take, without touching a device.

use super::arguments::PlanArguments;
use super::output::{bytes, count};
use super::settings::run_config;
use anyhow::Result;
use glasshouse_engine::plan::estimate::{Estimate, estimate};
use glasshouse_engine::plan::lower::Target;

pub(super) fn plan(arguments: &PlanArguments) -> Result<()> {
    let config = run_config(&arguments.config, "first-stories")?;
    let estimate = estimate(&config.model, &config.train, &Target { software: false })?;
    if arguments.json {
        println!("{}", serde_json::to_string(&estimate)?);
    } else {
        print(&config.preset, &estimate);
    }
    Ok(())
}

fn print(preset: &str, estimate: &Estimate) {
    println!("{preset}");
}
