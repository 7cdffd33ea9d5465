//! `glasshouse chat`: a loop of plain completion. What was said so far stays in front of the model.

use super::arguments::ChatArguments;
use super::generate::generate_config;
use super::settings::checked_device;
use super::{trained, writing};
use anyhow::Result;
use glasshouse_engine::generate::{Decoder, Opening, Piece};
use glasshouse_engine::protocol::GenerateConfig;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

pub(super) fn chat(arguments: &ChatArguments) -> Result<()> {
    pollster::block_on(run(arguments))
}

async fn run(arguments: &ChatArguments) -> Result<()> {
    let mut config = generate_config(&arguments.sampling)?;
    let model = trained::load(&arguments.model)?;
    let tokenizer = &model.tokenizer;
    let opening =
        Opening { precision: config.precision, tuning: arguments.sampling.tuning(), ..Opening::default() };
    let device = checked_device(&arguments.device)?;
    let (mut decoder, warning) =
        Decoder::open(device, &model.config.model, &model.parameters, &opening).await?;
    if let Some(warning) = warning {
        tell!("note: {warning}");
    }
    let interactive = std::io::stdin().is_terminal();
    tell!(
        "{} at step {}. Begin a text and press Enter: the model goes on. An empty line lets it go on alone; /new forgets, /quit ends.",
        model.run.name(),
        model.info.step
    );
    let mut text = String::new();
    let mut lines = std::io::stdin().lock().lines();
    loop {
        if interactive {
            std::io::stderr().write_all(b"> ").ok();
        }
        let Some(line) = lines.next().transpose()? else { return Ok(()) };
        match line.trim() {
            "/quit" | "/exit" => return Ok(()),
            "/new" => {
                text.clear();
                continue;
            }
            _ => text.push_str(&line),
        }
        let mut output = std::io::stdout().lock();
        let mut show = |piece: &Piece| {
            write!(output, "{}", piece.text)?;
            output.flush()?;
            Ok(true)
        };
        let prompt = if text.is_empty() { "\n" } else { text.as_str() };
        let written = writing::write(&mut decoder, tokenizer, prompt, &config, &mut show).await?;
        writeln!(output)?;
        text.push_str(&written.text);
        // Another seed each turn, so that going on from the same place need not say the same.
        config = GenerateConfig { seed: config.seed.wrapping_add(1), ..config };
    }
}
