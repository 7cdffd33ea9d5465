//! The next token's distribution, and the effect of each sampler setting on it.

use super::{Found, Subject};
use glasshouse_compiler::model::HookPoint;
use glasshouse_compiler::sampler::{self, Explained, Sampling};
use glasshouse_platform::Result;

/// logits [V] at the position; for the most likely tokens, `ids` [N], the model's `probability` [N], `tempered` [N] after
/// repetition penalty and temperature, `drawn` [N] used for sampling, and `cut_by` [N] (0 none, 1 top-k, 2 top-p, 3 min-p);
/// entropy [1] in bits, and the number of remaining tokens [1].
pub(super) async fn view(subject: &mut Subject<'_>) -> Result<Found> {
    let (tokens, position, settings) = (subject.tokens, subject.position, subject.settings);
    let mut found = Found::default();
    if let Some(about) = subject.about_outputs() {
        found.notice(format!("{about} It has no next token; use logit-lens."));
        return Ok(found);
    }
    let logits = subject.values(HookPoint::Logits).await?;
    let logits = logits.row(position);
    let window = tokens.get(..=position).unwrap_or(tokens);
    let sampling = Sampling::new(&settings.sampling);
    let listed = sampler::explain_likeliest(logits, window, &sampling, settings.count, settings.token);
    let axes = [("N", listed.entries.len())];
    let ids: Vec<u32> = listed.entries.iter().map(|entry| entry.id).collect();
    let of = |number: fn(&Explained) -> f64| -> Vec<f32> {
        listed.entries.iter().map(|entry| number(entry) as f32).collect()
    };
    found.floats("logits", "head", &[("V", logits.len())], logits.to_vec());
    found.detail(subject.tokens_of(ids.iter().copied()));
    found.ids("ids", "", &axes, ids);
    found.floats("probability", "", &axes, of(|entry| entry.probability));
    found.floats("tempered", "", &axes, of(|entry| entry.tempered));
    found.floats("drawn", "", &axes, of(|entry| entry.drawn));
    let cut_by = |entry: &Explained| entry.cut_by.map_or(0, |cut| cut as u32 + 1);
    found.integers("cut_by", "", &axes, listed.entries.iter().map(cut_by).collect());
    found.floats("entropy", "", &[("1", 1)], vec![listed.entropy_bits as f32]).unit = "bits".to_owned();
    found.integers("kept", "", &[("1", 1)], vec![listed.kept as u32]);
    Ok(found)
}
