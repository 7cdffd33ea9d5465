//! `glasshouse generate --samples`: several texts from one prompt, generated concurrently.

use super::arguments::GenerateArguments;
use super::driver::drive;
use super::generate::stop_by_signal;
use super::trained;
use anyhow::Result;
use glasshouse_engine::protocol::quantity::{counted, tokens_per_second};
use glasshouse_engine::protocol::{Command, Event, GenerateConfig};
use glasshouse_engine::session;
use std::collections::BTreeMap;

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
        let show = |event| {
            match event {
                Event::ModelOpened { run, step, device, precision, .. } => {
                    model = serde_json::json!({
                        "run": run, "step": step, "device": device, "precision": precision.name(),
                    });
                }
                Event::Sampled { number, seed, text, tokens, ending, moderated } if json => {
                    let line = serde_json::json!({
                        "event": "sample",
                        "number": number,
                        "seed": seed,
                        "text": text,
                        "ids": tokens,
                        "ending": ending,
                        "moderated": moderated,
                    });
                    say!("{line}")?;
                }
                Event::Sampled { number, seed, text, .. } => {
                    ended.insert(number, (seed, text));
                    // In order, whichever ends first.
                    while let Some((seed, text)) = ended.remove(&shown) {
                        shown += 1;
                        say!("--- sample {shown} of {count}, seed {seed}")?;
                        say!("{}{text}", prompt.trim_start_matches('\n'))?;
                    }
                }
                Event::SamplesEnded { tokens, tokens_per_s, seconds } if json => {
                    let mut line = serde_json::json!({
                        "event": "done",
                        "prompt": prompt,
                        "samples": count,
                        "tokens": tokens,
                        "seconds": seconds,
                        "tokens_per_s": tokens_per_s,
                    });
                    if let (Some(line), Some(model)) = (line.as_object_mut(), model.as_object_mut()) {
                        line.append(model);
                    }
                    say!("{line}")?;
                }
                Event::SamplesEnded { tokens, tokens_per_s, .. } => {
                    tell!(
                        "{} together, {}",
                        counted(tokens as u64, "token"),
                        tokens_per_second(tokens_per_s)
                    );
                }
                event => trained::note(&event),
            }
            Ok(())
        };
        let prompt = prompt.clone();
        engine.ask(Command::Samples { source, prompt, config, count }, show).await
    })
}
