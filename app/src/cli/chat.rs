//! `glasshouse chat`: a loop of plain completion. What was said so far stays in front of the model.

use super::arguments::ChatArguments;
use super::driver::{Engine, drive};
use super::generate::{generate_config, session_options};
use super::trained::{self, OpenedModel};
use anyhow::{Result, anyhow};
use glasshouse_engine::protocol::{Command, Event, GenerateConfig};
use std::io::{BufRead as _, ErrorKind, IsTerminal as _, Write as _};

pub(super) fn chat(arguments: &ChatArguments) -> Result<()> {
    let config = generate_config(&arguments.sampling)?;
    let options = session_options(&arguments.sampling, &arguments.device)?;
    drive(options, async |engine| {
        let model = trained::open(engine, &arguments.model, config.precision).await?;
        converse(engine, &model, config).await
    })
}

/// What is wrong with a line of standard input.
fn unreadable(line: u64, error: &std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::InvalidData => anyhow!("standard input, line {line}: is not UTF-8; give text in UTF-8"),
        _ => anyhow!("standard input, line {line}: {error}"),
    }
}

async fn converse(engine: &mut Engine, model: &OpenedModel, mut config: GenerateConfig) -> Result<()> {
    let interactive = std::io::stdin().is_terminal();
    tell!(
        "{} at step {}. Begin a text and press Enter: the model goes on. An empty line lets it go on alone; /new forgets, /quit ends.",
        model.run,
        model.step
    );
    let mut text = String::new();
    let mut lines = (1..).zip(std::io::stdin().lock().lines());
    loop {
        if interactive {
            std::io::stderr().write_all(b"> ").ok();
        }
        let Some((number, line)) = lines.next() else { return Ok(()) };
        let line = line.map_err(|error| unreadable(number, &error))?;
        match line.trim() {
            "/quit" | "/exit" => return Ok(()),
            "/new" => {
                text.clear();
                continue;
            }
            _ => text.push_str(&line),
        }
        let prompt = if text.is_empty() { "\n".to_owned() } else { text.clone() };
        let command = Command::Generate { source: model.source.clone(), prompt, config: config.clone() };
        let show = |event| {
            let mut output = std::io::stdout().lock();
            match event {
                Event::Written { text: piece, .. } => {
                    write!(output, "{piece}")?;
                    output.flush()?;
                }
                Event::WritingEnded { text: written, .. } => {
                    writeln!(output)?;
                    text.push_str(&written);
                }
                event => trained::note(&event),
            }
            Ok(())
        };
        engine.ask(command, show).await?;
        // Another seed each turn, so that going on from the same place need not say the same.
        config = GenerateConfig { seed: config.seed.wrapping_add(1), ..config };
    }
}
