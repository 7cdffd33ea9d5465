//! `glasshouse generate --samples`: several texts from one prompt, generated concurrently.

use super::driver::drive;
use super::generate::GenerateArguments;
use super::generate::stop_by_signal;
use super::report::joined;
use super::trained;
use anyhow::Result;
use glasshouse_engine::protocol::quantity::{counted, tokens_per_second};
use glasshouse_engine::protocol::{Command, Event, GenerateConfig, Output};
use glasshouse_engine::session;
use std::collections::BTreeMap;
use std::time::Instant;

pub(super) fn samples(
    arguments: &GenerateArguments,
    options: session::Options,
    config: GenerateConfig,
    count: usize,
) -> Result<()> {
    drive(options, async |engine| {
        let source = trained::source(engine, &arguments.model).await?;
        stop_by_signal(engine)?;
        let (prompt, json) = (&arguments.prompt, arguments.json);
        let (mut model, mut ended, mut shown) = (serde_json::Value::Null, BTreeMap::new(), 0);
        let (mut tokens, mut begun) = (0, Instant::now());
        let show = |event| {
            match event {
                Event::ModelOpened { run, step, device, weights, .. } => {
                    begun = Instant::now();
                    model = serde_json::json!({
                        "run": run, "step": step, "device": device, "weights": weights.name(),
                    });
                }
                Event::Completed { completion } if json => {
                    tokens += completion.ids.len();
                    let line = serde_json::json!({
                        "event": "sample",
                        "number": completion.number,
                        "seed": completion.seed,
                        "text": completion.text,
                        "ids": completion.ids,
                        "ending": completion.ending,
                        "moderated": completion.moderated,
                    });
                    say!("{line}")?;
                }
                Event::Completed { completion } => {
                    tokens += completion.ids.len();
                    ended.insert(completion.number, completion);
                    // In order, whichever ends first.
                    while let Some(completion) = ended.remove(&shown) {
                        shown += 1;
                        say!("--- sample {shown} of {count}, seed {}", completion.seed)?;
                        say!("{}{}", prompt.trim_start_matches('\n'), completion.text)?;
                    }
                }
                event => trained::note(&event),
            }
            Ok(())
        };
        let output = Output::Samples { count };
        let command = Command::Generate { source, prompt: prompt.as_str().into(), config, output };
        engine.ask(command, show).await?;
        let seconds = begun.elapsed().as_secs_f64();
        let speed = tokens as f64 / seconds.max(1e-9);
        if !json {
            tell!("{} together, {}", counted(tokens as u64, "token"), tokens_per_second(speed));
            return Ok(());
        }
        let line = serde_json::json!({
            "event": "done",
            "prompt": prompt,
            "samples": count,
            "tokens": tokens,
            "seconds": seconds,
            "tokens_per_s": speed,
        });
        Ok(say!("{}", joined(line, &model))?)
    })
}
