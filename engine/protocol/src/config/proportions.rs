//! Warnings about the proportions of a run, its model and its text. They never prevent a run.

use super::{RunConfig, TokenizerConfig, TokenizerKind};
use crate::presets;
use crate::quantity::{counted, whole};

/// Number of epochs beyond which a text is repeated too often. Up to 4 epochs are nearly as good as new text; then each adds less, and
/// beyond about 16 hardly anything (Muennighoff et al. 2023, "Scaling Data-Constrained Language Models", arXiv:2305.16264, section 5).
pub const MAX_EPOCHS: f64 = 20.0;

/// Epochs of a text that a proposed run reads at most: those beyond hardly add anything (see [`MAX_EPOCHS`]).
const PROPOSED_EPOCHS: f64 = 16.0;

/// Training tokens per parameter below which a model is far too large: a hundredth of the ratio of Hoffmann et al. 2022 ("Training
/// Compute-Optimal Large Language Models", arXiv:2203.15556), who found 20 tokens per parameter optimal. Small models are often trained
/// on small texts, so that only extreme ratios are reported.
const MIN_TOKENS_PER_PARAMETER: f64 = 0.2;

impl RunConfig {
    pub fn tokens_per_step(&self) -> u64 {
        let tokens = self.train.batch_size.saturating_mul(self.train.accumulate);
        tokens.saturating_mul(self.model.context_length) as u64
    }

    /// Warnings about a model of this size and a text of this many training tokens, one sentence each. Empty for objectives that train
    /// on rows; see [`Self::repeats`].
    pub fn proportions(&self, parameters: u64, text_tokens: u64) -> Vec<String> {
        let mut found = Vec::new();
        if text_tokens == 0 || !self.train.objective.learns_text() {
            return found;
        }
        let text = text_tokens as f64;
        let epochs = self.train.steps as f64 * self.tokens_per_step() as f64 / text;
        if epochs > MAX_EPOCHS {
            found.push(format!(
                "The run reads its text about {} times; after {MAX_EPOCHS:.0} times a model mostly memorises it. Use fewer steps, or more text.",
                whole(epochs.round() as u64)
            ));
        }
        let share = text / parameters.max(1) as f64;
        // A pretrained model has learned from more than this text.
        if share < MIN_TOKENS_PER_PARAMETER && self.start.is_none() {
            // Two significant digits.
            let digits = (1.0 - share.log10().floor()) as usize;
            found.push(format!(
                "The text has about {share:.digits$} tokens per parameter of the model; the rule of thumb is 20. The model may memorise the text. Use a \
                 smaller model, or more text."
            ));
        }
        found
    }

    /// Gives a run that has the pace of its preset the preset's length, but at most the epochs that are worth reading of a text of this many
    /// training tokens. Another pace was chosen and stays, as does any pace on a text that is unknown (0).
    pub fn follow_text(&mut self, text_tokens: u64) {
        let Some(preset) = presets::named(&self.preset) else { return };
        let is_text = self.train.objective.learns_text() && self.data.synthetic.is_none();
        let is_chosen = pace(&preset.shortened(self.train.steps)) != pace(self);
        if text_tokens == 0 || !is_text || is_chosen {
            return;
        }
        let train = preset.train;
        (self.train.steps, self.train.warmup_steps) = (train.steps, train.warmup_steps);
        (self.train.sample_interval, self.train.eval_interval) = (train.sample_interval, train.eval_interval);
        self.train.decay_steps = train.decay_steps;
        let most = PROPOSED_EPOCHS * text_tokens as f64 / self.tokens_per_step().max(1) as f64;
        *self = self.shortened(most.ceil() as u64);
    }

    /// At most this many steps, with intervals to match.
    fn shortened(&self, most: u64) -> Self {
        let mut short = self.clone();
        if short.train.steps > most {
            short.set_steps(most);
            let (train, tenth) = (&mut short.train, (most / 10).max(1));
            train.warmup_steps = train.warmup_steps.min(most / 20);
            train.sample_interval = train.sample_interval.min(tenth);
            train.eval_interval = train.eval_interval.min(tenth);
        }
        short
    }

    /// The initial settings by the name of this run's preset, as short as the run if only a text shortened it.
    pub(super) fn proposed(&self) -> Option<Self> {
        let preset = presets::named(&self.preset)?;
        let shortened = preset.shortened(self.train.steps);
        Some(if pace(&shortened) == pace(self) { shortened } else { preset })
    }
}

/// The settings that shortening changes.
fn pace(config: &RunConfig) -> [u64; 5] {
    let train = &config.train;
    [train.steps, train.warmup_steps, train.sample_interval, train.eval_interval, train.decay_steps]
}

impl RunConfig {
    /// A warning if the run repeats its rows too often, given the number of rows in total and per step. `what` is the singular name of
    /// a row.
    pub fn repeats(&self, rows: u64, of_step: u64, what: &str) -> Option<String> {
        let epochs = self.train.steps as f64 * of_step as f64 / (rows as f64).max(1.0);
        (epochs > MAX_EPOCHS).then(|| {
            format!(
                "The run reads its {what}s about {} times; after {MAX_EPOCHS:.0} times a model mostly memorises them. Use fewer steps, or more \
                 {what}s.",
                whole(epochs.round() as u64)
            )
        })
    }

    /// A warning if most rows, of these lengths in tokens, are longer than the model's context length.
    pub fn cuts(&self, lengths: &[usize]) -> Option<String> {
        let context = self.model.context_length;
        let cut = lengths.iter().filter(|tokens| **tokens > context).count();
        (2 * cut > lengths.len()).then(|| {
            let all = counted(lengths.len() as u64, "row");
            format!(
                "About {} of {all} are longer than the {} that the model reads: the rest is cut off, and a row without an answer before that \
                 is left out. Use shorter rows, or a model with a longer context.",
                whole(cut as u64),
                counted(context as u64, "token")
            )
        })
    }
}

impl TokenizerConfig {
    /// Estimates the number of tokens in a text before a tokenizer is trained: doubling the vocabulary adds 0.3 bytes per token on
    /// English text (1,024 entries give 3 bytes, GPT-2's 50,257 give 4.7).
    pub fn estimated_tokens(&self, bytes: u64) -> u64 {
        let bytes_per_token = match self.kind {
            TokenizerKind::Byte | TokenizerKind::Char => 1.0,
            _ => (0.3 * (self.vocabulary.max(2) as f64).log2()).max(1.0),
        };
        (bytes as f64 / bytes_per_token) as u64
    }
}

#[cfg(test)]
mod tests {
    use crate::presets;

    #[test]
    fn a_text_seen_too_often_and_a_model_far_too_large_for_it_are_told() {
        let mut run = presets::preset("first-stories").unwrap();
        let embedded = run.tokenizer.estimated_tokens(2_000_000);
        assert!((600_000..750_000).contains(&embedded), "{embedded}");
        assert_eq!(
            run.proportions(868_000, embedded),
            Vec::<String>::new(),
            "the first model is in proportion"
        );
        let step = run.tokens_per_step();
        assert_eq!(step, 12 * 128);
        // No warning at exactly 20 epochs.
        run.train.steps = 200;
        assert_eq!(run.proportions(1, 10 * step), Vec::<String>::new());
        run.train.steps = 201;
        let said = run.proportions(1, 10 * step - 100);
        assert!(said.len() == 1 && said[0].contains("about 20 times"), "{said:?}");
        run.train.steps = 2_000_000;
        let said = run.proportions(1, step);
        assert!(said[0].contains("about 2,000,000 times"), "{said:?}");
        run.train.steps = 1;
        let said = run.proportions(10_000_000, 1_000_000);
        assert!(said.len() == 1 && said[0].contains("0.10 tokens per parameter"), "{said:?}");
        assert!(run.proportions(10_000_000, 29_000)[0].contains("0.0029 tokens per parameter"));
        assert_eq!(run.proportions(5_000_000, 1_000_000), Vec::<String>::new());
        let large = presets::preset("nanogpt-gpu").unwrap();
        assert_eq!(large.proportions(10_700_000, 1_003_854).len(), 2, "nanoGPT's on one book is both");
        assert_eq!(large.proportions(10_700_000, 0), Vec::<String>::new(), "nothing is known of the text");
    }

    #[test]
    fn a_proposed_run_reads_a_small_text_at_most_sixteen_times() {
        let proposed = presets::from_layers(8).unwrap();
        assert!(proposed.train.steps > 10_000);
        let mut run = proposed.clone();
        run.follow_text(0);
        assert_eq!(run, proposed, "nothing is known of the text");
        run.follow_text(366_000);
        let epochs = run.train.steps as f64 * run.tokens_per_step() as f64 / 366_000.0;
        assert!((15.9..16.1).contains(&epochs), "{epochs}");
        assert_eq!(run.proportions(1, 366_000), Vec::<String>::new());
        run.validate().unwrap();
        assert_eq!(presets::title_of(&run), None, "a proposal is no change");
        run.set("train.steps=700").unwrap();
        assert!(presets::title_of(&run).is_some_and(|title| title.starts_with("steps 700")));
    }

    #[test]
    fn a_proposed_run_follows_each_change_of_the_text_until_its_steps_are_chosen() {
        let preset = presets::preset("first-stories").unwrap();
        let mut run = preset.clone();
        run.follow_text(3_800);
        assert!((30..50).contains(&run.train.steps), "{}", run.train.steps);
        assert_eq!(run.proportions(1, 3_800), Vec::<String>::new());
        assert_eq!(presets::title_of(&run), None);
        run.validate().unwrap();
        run.follow_text(5_000_000);
        assert_eq!(run, preset);
        run.set("train.steps=900").unwrap();
        let chosen = run.clone();
        run.follow_text(3_800);
        assert_eq!(run, chosen);
    }

    #[test]
    fn a_fine_tune_is_no_first_training_and_rows_are_no_text() {
        let mut run = presets::preset("nanogpt-gpu").unwrap();
        run.start = Some(crate::Start::best_of("1-run"));
        let said = run.proportions(10_700_000, 1_003_854);
        assert!(said.len() == 1 && said[0].contains("times"), "{said:?}");
        for objective in ["chat", "classify", "preference", "reward"] {
            run.set(&format!("train.objective={objective}")).unwrap();
            assert_eq!(run.proportions(10_700_000, 1_000), Vec::<String>::new());
        }
        // 12 steps of 2 prompts are 24 prompts, once.
        run.train.steps = 12;
        assert_eq!(run.repeats(24, 2, "pair"), None);
        run.train.steps = 24 * 21 / 2;
        assert!(run.repeats(24, 2, "pair").is_some_and(|said| said.contains("its pairs about 21 times")));
    }
}
