//! What a model makes of each token of texts, on either executor: parts of the one graph, by a [`Lens`]. Losses alone are the
//! cross-entropy's own, and no logits leave the device; whatever else is asked for is computed here from logits, of the tokens that are
//! scored and so many at a time.

use super::temperatures;
use crate::cpu::Workers;
use crate::data::IGNORED;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::inspect::Lens;
use crate::platform::{LENS_BYTES, Turns};
use crate::protocol::ModelConfig;
use crate::protocol::quantity::counted;

/// Bytes of logits that are read at once.
const LOGIT_BYTES: u64 = 64 << 20;

/// Entries of logits that are looked through before whatever else waits has its turn.
const ENTRIES: usize = 4 << 20;

/// Entries of logits that make a thread of its own worth while.
const WORK: usize = 1 << 14;

/// Tokens of a batch on the CPU: activations of most models that are trained here stay in its caches.
const CPU_TOKENS: usize = 2048;

/// Tokens of a batch on a GPU at most, and multiplications by weights: a submission takes no longer than the desktop can wait.
const GPU_TOKENS: u64 = 16_384;
const GPU_PRODUCTS: u64 = 20_000_000_000;

/// The shortest window that texts are filled up to.
const MIN_WINDOW: usize = 16;

/// A text whose tokens from `from` on are to be scored; `from` is 1 or more, and there are at most a context's tokens and one.
#[derive(Clone, Copy, Debug)]
pub struct Scoring<'a> {
    /// The text, beginning with what is given.
    pub tokens: &'a [u32],
    /// The first token that is scored.
    pub from: usize,
}

impl Scoring<'_> {
    /// Tokens that are scored.
    fn count(&self) -> usize {
        self.tokens.len().saturating_sub(self.from)
    }

    /// Tokens that the model reads: the last is predicted alone.
    fn read(&self) -> &[u32] {
        self.tokens.split_last().map_or(&[], |(_, read)| read)
    }
}

/// What a model made of a token, given those before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenScore {
    /// The token.
    pub token: u32,
    /// The natural logarithm of its probability.
    pub log_probability: f32,
    /// Its place among all tokens by their probability, 1 for the likeliest; of equally likely ones the lower id comes first.
    pub rank: u32,
    /// The likeliest token.
    pub likeliest: u32,
    /// The probability of the likeliest.
    pub confidence: f32,
    /// The likeliest tokens with the natural logarithms of their probabilities, as many as were asked for.
    pub top: Vec<(u32, f32)>,
    /// ln Σ e^((x − highest) / T) over all logits x, at each temperature that was asked for.
    pub log_sums: Vec<f32>,
}

/// What is wanted of each token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Detail {
    /// Its log-probability alone; the rest of [`TokenScore`] is zero.
    Losses,
    /// All but the likeliest tokens' list and temperatures.
    Tokens,
    /// All but the list, and what each temperature of a grid would make of it.
    Temperatures,
    /// All but the list, and what this inverse temperature would make of it.
    Temperature(f32),
    /// The likeliest so many tokens as well.
    Top(usize),
}

/// A model ready to score texts.
#[derive(Debug)]
pub struct Scorer {
    lens: Lens,
    /// What looks through logits.
    workers: Workers,
    /// Tokens of a batch.
    tokens: usize,
}

/// Texts that go through the model together, each in a window of so many tokens.
struct WindowGroup<'group> {
    /// Their numbers.
    texts: &'group [usize],
    size: [usize; 2],
}

impl Scorer {
    /// Opens a device as [`Gpu::from_request`] has it; `threads` are the CPU's, or one a core.
    ///
    /// # Errors
    /// Another number of weights than the model has; a model that predicts no tokens; no such device.
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

    /// The device's name.
    pub fn device(&self) -> &str {
        self.lens.device()
    }

    /// The model's settings.
    pub fn config(&self) -> &ModelConfig {
        self.lens.config()
    }

    /// Threads of the CPU that work for it.
    pub fn threads(&self) -> usize {
        self.workers.count()
    }

    /// Scores texts, in whatever order is fastest; what is told is tokens done, and of how many.
    ///
    /// # Errors
    /// A text that is too long, begins with what is to be scored or has a token beyond the vocabulary; a device that fails.
    pub async fn score(
        &mut self,
        texts: &[Scoring<'_>],
        detail: Detail,
        tell: &mut dyn FnMut(u64, u64),
    ) -> Result<Vec<Vec<TokenScore>>> {
        match detail {
            Detail::Losses => self.losses(texts, tell).await,
            detail => self.details(texts, detail, tell).await,
        }
    }

    async fn losses(
        &mut self,
        texts: &[Scoring<'_>],
        tell: &mut dyn FnMut(u64, u64),
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
            tell(done, of);
        }
        Ok(scores)
    }

    async fn details(
        &mut self,
        texts: &[Scoring<'_>],
        detail: Detail,
        tell: &mut dyn FnMut(u64, u64),
    ) -> Result<Vec<Vec<TokenScore>>> {
        let mut scores: Vec<Vec<TokenScore>> =
            texts.iter().map(|text| Vec::with_capacity(text.count())).collect();
        let (turns, order) = (Turns::new(), self.order(texts)?);
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
                    turns.give().await;
                }
            }
            done += places.len() as u64;
            tell(done, of);
        }
        Ok(scores)
    }

    /// What the head reads of each token that a group has scored, one after the other, with the token's text and itself.
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

    /// Rows of logits that are read at once.
    fn rows_at_once(&self) -> usize {
        let row = 4 * self.config().outputs() as u64;
        let rows = (LOGIT_BYTES.min(LENS_BYTES / 4) / row).max(1) as usize;
        // What is run is a power of two of them.
        1 << rows.ilog2()
    }

    /// What logits say of tokens, a row each, on all threads.
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

    /// The numbers of the texts in which something is scored, the longest first.
    fn order(&self, texts: &[Scoring<'_>]) -> Result<Vec<usize>> {
        let ModelConfig { context_length: context, vocabulary, .. } = *self.config();
        for Scoring { tokens, from } in texts {
            let count = tokens.len();
            if *from == 0 {
                let reason = "the first token of a text follows from nothing, and cannot be scored";
                return Err(Error::Refused(reason.to_owned()));
            }
            if count > context + 1 {
                return Err(Error::Refused(format!(
                    "{} do not fit the context of {context} and the one behind it",
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
        order.sort_by_key(|text| std::cmp::Reverse(texts[*text].tokens.len()));
        Ok(order)
    }

    /// Divides ordered texts into groups of about equal length. What stands behind a text is not seen by it.
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

/// Tokens that are scored in all texts.
fn scored(texts: &[Scoring<'_>]) -> u64 {
    texts.iter().map(|text| text.count() as u64).sum()
}

/// The tokens that a group reads, [B, T] but for the rows behind the last text.
fn read_by(texts: &[Scoring<'_>], group: &WindowGroup<'_>) -> Vec<u32> {
    let [_, time] = group.size;
    let mut tokens = vec![0; group.texts.len() * time];
    for (row, text) in tokens.chunks_exact_mut(time).zip(group.texts) {
        let read = texts[*text].read();
        row[..read.len()].copy_from_slice(read);
    }
    tokens
}

/// The window for a text of so many tokens: a power of two, or half as many more, so that there are few.
fn window(tokens: usize) -> usize {
    let power = tokens.next_power_of_two().max(MIN_WINDOW);
    if tokens <= power / 4 * 3 && power > MIN_WINDOW { power / 4 * 3 } else { power }
}

/// What a row of logits says of a token.
fn look(row: &[f32], token: u32, detail: Detail) -> TokenScore {
    let (mut likeliest, mut most) = (0, f32::NEG_INFINITY);
    for (id, logit) in (0..).zip(row) {
        if *logit > most {
            (likeliest, most) = (id, *logit);
        }
    }
    let sum: f64 = row.iter().map(|logit| f64::from((logit - most).exp())).sum();
    let log_sum = f64::from(most) + sum.ln();
    let own = row[token as usize];
    let before = row[..token as usize].iter().filter(|logit| **logit >= own).count();
    let behind = row[token as usize..].iter().filter(|logit| **logit > own).count();
    let of = |logit: f32| (f64::from(logit) - log_sum) as f32;
    let log_sums = match detail {
        Detail::Temperatures => temperatures::log_sums(row, most).to_vec(),
        Detail::Temperature(inverse) => vec![temperatures::log_sum(row, most, inverse)],
        _ => Vec::new(),
    };
    let mut ids: Vec<u32> = Vec::new();
    if let Detail::Top(top @ 1..) = detail {
        ids = (0..row.len() as u32).collect();
        let by = |a: &u32, b: &u32| row[*b as usize].total_cmp(&row[*a as usize]).then(a.cmp(b));
        if top < ids.len() {
            ids.select_nth_unstable_by(top, by);
            ids.truncate(top);
        }
        ids.sort_unstable_by(by);
    }
    TokenScore {
        token,
        log_probability: of(own),
        rank: (before + behind + 1) as u32,
        likeliest,
        confidence: (1.0 / sum) as f32,
        top: ids.into_iter().map(|id| (id, of(row[id as usize]))).collect(),
        log_sums,
    }
}

#[cfg(test)]
mod tests;
