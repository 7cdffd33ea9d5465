//! Unconditional samples of a model.

use super::{Auditor, opening};
use crate::OnProgress;
use glasshouse_generation::{Batch, request};
use glasshouse_platform::{Result, Yielder};
use glasshouse_protocol::quantity::counted;
use glasshouse_protocol::{AuditSettings, GenerateConfig, WeightFormat};

const TOKENS: usize = 200;

#[derive(Debug, Default)]
pub(super) struct Sampled {
    pub(super) texts: Vec<String>,
    tokens: u64,
}

impl Sampled {
    /// `200 texts of 39,872 tokens in all, sampled at temperature 1 without a prompt`.
    pub(super) fn words(&self) -> String {
        format!(
            "{} of {} in all, sampled at temperature 1 without a prompt",
            counted(self.texts.len() as u64, "text"),
            counted(self.tokens, "token")
        )
    }
}

/// Generates as many texts as the settings ask for, each with its own seed.
pub(super) async fn sampled(
    auditor: &mut Auditor<'_>,
    settings: &AuditSettings,
    yielder: &Yielder,
    on_progress: OnProgress<'_>,
) -> Result<Sampled> {
    let config = GenerateConfig {
        max_tokens: TOKENS,
        temperature: 1.0,
        weights: Some(WeightFormat::F32),
        ..GenerateConfig::default()
    };
    let opening = opening(&auditor.subject)?;
    let tokenizer = &auditor.subject.tokenizer.tokenizer;
    let seeded = |number: u64| GenerateConfig { seed: settings.seed.wrapping_add(number), ..config.clone() };
    let requests: Vec<_> = (0..settings.samples as u64)
        .map(|number| request(tokenizer, &opening, &[], &seeded(number)))
        .collect();
    let total = requests.len() as u64;
    let mut batch = Batch::new(auditor.decoder, requests)?;
    while !batch.is_over() {
        batch.next(auditor.decoder).await?;
        on_progress("sampling texts", batch.written() as u64, total);
        yielder.maybe_yield().await;
    }
    let written = batch.finish();
    let tokens = written.iter().map(|text| text.tokens.len() as u64).sum();
    Ok(Sampled { texts: written.into_iter().map(|text| text.text).collect(), tokens })
}
