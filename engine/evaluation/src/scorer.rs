//! Scores of each token of texts, on either executor, by parts of the model's graph ([`Lens`]). Losses come from the
//! cross-entropy, and no logits leave the device; other statistics are computed here from logits of the scored tokens,
//! a limited number at a time.

use super::temperatures;
use glasshouse_compiler::sampler::{self, TokenScore};
use glasshouse_executors::cpu::Workers;
use glasshouse_executors::gpu::Gpu;
use glasshouse_inspection::Lens;
use glasshouse_platform::{Error, LENS_BYTES, Result, Yielder};
use glasshouse_protocol::ModelConfig;
use glasshouse_protocol::quantity::counted;
use glasshouse_text::data::IGNORED;

const LOGIT_BYTES: u64 = 64 << 20;

/// Logits processed between yields.
const ENTRIES: usize = 4 << 20;

/// Minimum logits per thread.
const WORK: usize = 1 << 14;

/// Tokens per batch on the CPU: most models' activations then fit in the cache.
const CPU_TOKENS: usize = 2048;

/// Maximum tokens per batch on a GPU, and multiplications by weights, so that submissions stay short enough for a
/// smooth desktop.
const GPU_TOKENS: u64 = 16_384;
const GPU_PRODUCTS: u64 = 20_000_000_000;

/// Shortest window that texts are padded to.
const MIN_WINDOW: usize = 16;

/// A text whose tokens from `from` on are scored. `from` is at least 1, and there are at most context length + 1 tokens.
#[derive(Clone, Copy, Debug)]
pub struct Scoring<'a> {
    /// The text, starting with the given tokens.
    pub tokens: &'a [u32],
    /// Index of the first scored token.
    pub from: usize,
}

impl Scoring<'_> {
    fn count(&self) -> usize {
        self.tokens.len().saturating_sub(self.from)
    }

    /// The tokens the model reads; the last one is only predicted.
    fn read(&self) -> &[u32] {
        self.tokens.split_last().map_or(&[], |(_, read)| read)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Detail {
    /// The log-probability; the rest of [`TokenScore`] is zero.
    Losses,
    /// All but the top list and temperatures.
    Tokens,
    /// All but the top list, with the log sums at a grid of temperatures.
    Temperatures,
    /// All but the top list, with the log sum at this inverse temperature.
    Temperature(f32),
    /// Also this many of the most likely tokens.
    Top(usize),
}

#[derive(Debug)]
pub struct Scorer {
    lens: Lens,
    workers: Workers,
    tokens: usize,
}

/// Texts of a batch, each in a window of the same length.
struct WindowGroup<'group> {
    texts: &'group [usize],
    size: [usize; 2],
}

impl Scorer {
    /// Opens a device, named as in [`Gpu::from_request`]. `threads` applies to the CPU and defaults to one per core. Fails
    /// if the number of weights does not fit the model, the model does not predict tokens, or there is no such device.
    pub async fn open(
        config: &ModelConfig,
        parameters: &[f32],
        device: &str,
        threads: Option<usize>,
    ) -> Result<Self> {
        if config.scores() {
            let reason = "this is a reward model: it scores texts and predicts no tokens, so it has no likelihood; evaluate the model that learns \
                from it";
            return Err(Error::Refused(reason.to_owned()));
        }
        if !config.labels.is_empty() {
            let labels = config.labels.join(", ");
            return Err(Error::Refused(format!(
                "this is a classifier ({labels}): it predicts no tokens, so it has no likelihood; evaluate it with a file of labelled texts"
            )));
        }
        let (gpu, _) = Gpu::from_request(device).await?;
        let workers = Workers::new(threads)?;
        let (lens, tokens) = match gpu {
            Some(gpu) => {
                let most = (GPU_PRODUCTS / parameters.len().max(1) as u64).min(GPU_TOKENS) as usize;
                (Lens::on_gpu(config, parameters.to_vec(), gpu)?, most)
            }
            None => (Lens::on_cpu(config, parameters.to_vec(), threads)?, CPU_TOKENS),
        };
        Ok(Self { lens, workers, tokens })
    }

    pub fn device(&self) -> &str {
        self.lens.device()
    }

    pub fn config(&self) -> &ModelConfig {
        self.lens.config()
    }

    pub fn threads(&self) -> usize {
        self.workers.count()
    }

    /// Scores texts in the most efficient order. `on_progress` gets the tokens done and their total number. Fails if a text is too
    /// long, its first token is to be scored, or a token is outside the vocabulary; or a device fails.
    pub async fn score(
        &mut self,
        texts: &[Scoring<'_>],
        detail: Detail,
        on_progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Vec<Vec<TokenScore>>> {
        match detail {
            Detail::Losses => self.losses(texts, on_progress).await,
            detail => self.details(texts, detail, on_progress).await,
        }
    }

    /// The log-probability of each text.
    pub(super) async fn log_likelihoods(&mut self, texts: &[Scoring<'_>]) -> Result<Vec<f64>> {
        let scores = self.losses(texts, &mut |_, _| ()).await?;
        let sum =
            |tokens: &Vec<TokenScore>| tokens.iter().map(|token| f64::from(token.log_probability)).sum();
        Ok(scores.iter().map(sum).collect())
    }

    async fn losses(
        &mut self,
        texts: &[Scoring<'_>],
        on_progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Vec<Vec<TokenScore>>> {
        let mut scores: Vec<Vec<TokenScore>> = vec![Vec::new(); texts.len()];
        let order = self.order(texts)?;
        let (mut done, of) = (0, scored(texts));
        for group in self.groups(texts, &order) {
            let WindowGroup { texts: own, size: [_, time] } = group;
            let mut targets = vec![IGNORED; own.len() * time];
            for (row, text) in targets.chunks_exact_mut(time).zip(own) {
                let Scoring { tokens, from } = texts[*text];
                row[from - 1..tokens.len() - 1].copy_from_slice(&tokens[from..]);
            }
            let losses = self.lens.losses(group.size, &read_by(texts, &group), &targets).await?;
            for (row, text) in losses.chunks_exact(time).zip(own) {
                let Scoring { tokens, from } = texts[*text];
                let scored = tokens[from..].iter().zip(&row[from - 1..]);
                let score = |(token, loss): (&u32, &f32)| TokenScore {
                    token: *token,
                    log_probability: -loss,
                    ..TokenScore::default()
                };
                scores[*text] = scored.map(score).collect();
                done += texts[*text].count() as u64;
            }
            on_progress(done, of);
        }
        Ok(scores)
    }

    async fn details(
        &mut self,
        texts: &[Scoring<'_>],
        detail: Detail,
        on_progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Vec<Vec<TokenScore>>> {
        let mut scores: Vec<Vec<TokenScore>> =
            texts.iter().map(|text| Vec::with_capacity(text.count())).collect();
        let (yielder, order) = (Yielder::new(), self.order(texts)?);
        let (mut done, of) = (0, scored(texts));
        let (width, chunk) = (self.config().width, self.rows_at_once());
        for group in self.groups(texts, &order) {
            let (places, normed) = self.normed(texts, &group).await?;
            for (places, normed) in places.chunks(chunk).zip(normed.chunks(chunk * width)) {
                let logits = self.lens.logits_of(normed).await?;
                let columns = logits.columns();
                let rows = (ENTRIES / columns).max(1);
                for (places, logits) in places.chunks(rows).zip(logits.data.chunks(rows * columns)) {
                    let tokens: Vec<u32> = places.iter().map(|(_, token)| *token).collect();
                    for ((text, _), score) in places.iter().zip(self.look(&tokens, logits, detail)) {
                        scores[*text].push(score);
                    }
                    yielder.maybe_yield().await;
                }
            }
            done += places.len() as u64;
            on_progress(done, of);
        }
        Ok(scores)
    }

    /// The mean over each text of the head's inputs, which is the last hidden state after the final norm. Fails as [`Self::score`] does.
    pub async fn means(&mut self, texts: &[&[u32]]) -> Result<Vec<Vec<f32>>> {
        // A last token is only predicted, and not read.
        let whole: Vec<Vec<u32>> = texts.iter().map(|text| [*text, &[0]].concat()).collect();
        let texts: Vec<Scoring<'_>> = whole.iter().map(|tokens| Scoring { tokens, from: 1 }).collect();
        let (order, width) = (self.order(&texts)?, self.config().width);
        let mut means = vec![vec![0.0; width]; texts.len()];
        for group in self.groups(&texts, &order) {
            let (places, normed) = self.normed(&texts, &group).await?;
            for ((text, _), row) in places.iter().zip(normed.chunks_exact(width)) {
                let count = texts[*text].count() as f32;
                means[*text].iter_mut().zip(row).for_each(|(mean, entry)| *mean += entry / count);
            }
        }
        Ok(means)
    }

    /// The head's inputs for each scored token of a group, in order, with the token and its text's index.
    async fn normed(
        &mut self,
        texts: &[Scoring<'_>],
        group: &WindowGroup<'_>,
    ) -> Result<(Vec<(usize, u32)>, Vec<f32>)> {
        let normed = self.lens.normed(group.size, &read_by(texts, group)).await?;
        let (width, [_, time]) = (normed.columns(), group.size);
        let (mut places, mut rows) = (Vec::new(), Vec::new());
        for (row, text) in normed.data.chunks_exact(time * width).zip(group.texts) {
            let Scoring { tokens, from } = texts[*text];
            places.extend(tokens[from..].iter().map(|token| (*text, *token)));
            rows.extend_from_slice(&row[(from - 1) * width..(tokens.len() - 1) * width]);
        }
        Ok((places, rows))
    }

    fn rows_at_once(&self) -> usize {
        let row = 4 * self.config().outputs() as u64;
        let rows = (LOGIT_BYTES.min(LENS_BYTES / 4) / row).max(1) as usize;
        // Only powers of two are run.
        1 << rows.ilog2()
    }

    /// Scores of tokens from rows of logits, on all threads.
    fn look(&self, tokens: &[u32], logits: &[f32], detail: Detail) -> Vec<TokenScore> {
        let mut scores = vec![TokenScore::default(); tokens.len()];
        let columns = logits.len() / tokens.len().max(1);
        let least = (WORK / columns.max(1)).max(1);
        let workers = &self.workers;
        workers.install(|| {
            workers.rows(tokens.len(), least, &mut scores[..], |range, scores, _| {
                for (at, score) in range.zip(scores) {
                    *score = look(&logits[at * columns..(at + 1) * columns], tokens[at], detail);
                }
            });
        });
        scores
    }

    /// Indices of the texts with scored tokens, the longest first.
    fn order(&self, texts: &[Scoring<'_>]) -> Result<Vec<usize>> {
        let ModelConfig { context_length: context, vocabulary, .. } = *self.config();
        for Scoring { tokens, from } in texts {
            let count = tokens.len();
            if *from == 0 {
                let reason = "the first token of a text has no context and cannot be scored";
                return Err(Error::Refused(reason.to_owned()));
            }
            if count > context + 1 {
                return Err(Error::Refused(format!(
                    "{} do not fit the context of {context} and the one after it",
                    counted(count as u64, "token")
                )));
            }
            if let Some(token) = tokens.iter().find(|token| **token as usize >= vocabulary) {
                return Err(Error::Refused(format!(
                    "token {token} is beyond the vocabulary of {vocabulary}"
                )));
            }
        }
        let mut order: Vec<usize> = (0..texts.len()).filter(|text| texts[*text].count() > 0).collect();
        glasshouse_protocol::order::sort_by_key(&mut order, |text| {
            std::cmp::Reverse(texts[*text].tokens.len())
        });
        Ok(order)
    }

    /// Groups sorted texts by similar length. Padding after a text is not seen by it.
    fn groups<'order>(&self, texts: &[Scoring<'_>], order: &'order [usize]) -> Vec<WindowGroup<'order>> {
        let context = self.config().context_length;
        let length = |text: &usize| texts[*text].read().len();
        let (mut groups, mut rest) = (Vec::new(), order);
        while let Some(longest) = rest.first().map(length) {
            let time = window(longest).min(context);
            let most = (self.tokens / time).max(1);
            let alike = rest.iter().take(most).take_while(|text| 2 * length(text) >= longest).count();
            let (texts, others) = rest.split_at(alike);
            groups.push(WindowGroup { texts, size: [alike.next_power_of_two().min(most), time] });
            rest = others;
        }
        groups
    }
}

fn scored(texts: &[Scoring<'_>]) -> u64 {
    texts.iter().map(|text| text.count() as u64).sum()
}

/// Input tokens of a group, [B, T], without the padding rows after the last text.
fn read_by(texts: &[Scoring<'_>], group: &WindowGroup<'_>) -> Vec<u32> {
    let [_, time] = group.size;
    let mut tokens = vec![0; group.texts.len() * time];
    for (row, text) in tokens.chunks_exact_mut(time).zip(group.texts) {
        let read = texts[*text].read();
        row[..read.len()].copy_from_slice(read);
    }
    tokens
}

/// The window for `tokens` tokens: a power of two or 1.5 times one, to have few sizes.
fn window(tokens: usize) -> usize {
    let power = tokens.next_power_of_two().max(MIN_WINDOW);
    if tokens <= power / 4 * 3 && power > MIN_WINDOW { power / 4 * 3 } else { power }
}

fn look(row: &[f32], token: u32, detail: Detail) -> TokenScore {
    let score = sampler::score(row, token, if let Detail::Top(top) = detail { top } else { 0 });
    let most = row[score.likeliest as usize];
    let log_sums = match detail {
        Detail::Temperatures => temperatures::log_sums(row, most).to_vec(),
        Detail::Temperature(inverse) => vec![temperatures::log_sum(row, most, inverse)],
        _ => Vec::new(),
    };
    TokenScore { log_sums, ..score }
}

#[cfg(test)]
mod tests;
