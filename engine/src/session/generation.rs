//! Requests for texts, which join the batch of their weights if it has room. Log-probabilities of completions for other programs come
//! from the logits that tokens were drawn from, or, of prompts and on a GPU, from one batched pass over each finished text.

mod scoring;

use super::Session;
use super::batches::{Asked, Form, written};
use super::models::{CURRENT, Key, Model, expect_writes};
use super::training::ActiveRun;
use crate::evaluation::Scorer;
use crate::generation::{
    ChatPrompt, Decode, Generated, Request, chat_prompt, chat_room, prompt_tokens, rendered_prompt, request,
};
use crate::protocol::completion::MAX_TOP_LOGPROBS;
use crate::protocol::quantity::counted;
use crate::protocol::{
    ChatEnding, Completion, CompletionSettings, Ending, Event, GenerateConfig, Invalid, Output, Prompt,
    WeightSource,
};
use crate::tokenizer::{DecodeStream, Tokenizer};
use crate::{Error, Result, refuse};
use scoring::tokens_of;
use std::collections::VecDeque;
use std::sync::Arc;

/// Maximum batch size of samples; further ones wait for a slot.
const PLACES: usize = 16;
const MAX_SAMPLES: usize = 10_000;
/// Maximum completions in progress or waiting.
const MAX_COMPLETIONS: usize = 4096;
/// Maximum slots of a decoder.
const MAX_PLACES: usize = 256;
/// Maximum states of a run in training that completions use at the same time. Each has its own decoder, so without this limit
/// every group of steps would add one to memory.
const MAX_STATES: usize = 2;
/// Assumed maximum bytes of a token, for rejecting long texts before tokenising them; many times that of any known vocabulary.
const TOKEN_BYTES: usize = 1024;

/// Finished completions that only lack log-probabilities or an embedding.
#[derive(Default)]
pub(super) struct Scoring {
    unscored: VecDeque<Unscored>,
    /// The last scorer, for reuse.
    scorer: Option<(Key, Scorer)>,
}

impl Scoring {
    pub(super) fn is_idle(&self) -> bool {
        self.unscored.is_empty()
    }

    /// Drops the cached scorer if `goes` accepts its key.
    pub(super) fn forget_scorer(&mut self, goes: impl FnOnce(&Key) -> bool) {
        if self.scorer.as_ref().is_some_and(|(key, _)| goes(key)) {
            self.scorer = None;
        }
    }
}

/// A prompt's tokens, and what a completion reports of it.
#[derive(Default)]
pub(super) struct Encoded {
    ids: Vec<u32>,
    /// `None` if it follows from the tokens.
    text: Option<String>,
    /// Number of leading tokens that have no text.
    unwritten: usize,
    /// Number of messages left out because they do not fit.
    left_out: usize,
    /// Characters that the vocabulary lacks.
    lost: String,
    /// Number of special tokens in its text or messages.
    special: usize,
    /// Tokens that end an answer, in addition to the tokenizer's own.
    ends: Vec<u32>,
}

impl Encoded {
    fn text(&self, tokenizer: &Tokenizer) -> String {
        let decode = || pieces(DecodeStream::new(tokenizer), &self.ids, true).concat();
        self.text.clone().unwrap_or_else(decode)
    }
}

/// A completion that only lacks log-probabilities or an embedding.
struct Unscored {
    asked: Asked,
    behind: Behind,
}

/// What follows a prompt whose tokens are scored.
enum Behind {
    Written(Generated),
    /// The most likely token, obtained from the same pass over the prompt.
    Likeliest(Request<Decode<'static>>),
}

impl Session {
    pub(super) async fn generate(
        &mut self,
        id: u64,
        source: &WeightSource,
        prompt: Prompt,
        config: GenerateConfig,
        output: Output,
        live: Option<ActiveRun<'_, '_>>,
    ) -> Result<()> {
        match output {
            Output::Tokens => self.begin_texts(id, source, prompt, &config, None, live).await,
            Output::Samples { count } => {
                self.begin_texts(id, source, prompt, &config, Some(count), live).await
            }
            Output::Completion(settings) => {
                self.begin_completion(id, source, prompt, config, settings, live).await
            }
        }
    }

    /// Starts one streamed text, or a number of samples.
    async fn begin_texts(
        &mut self,
        id: u64,
        source: &WeightSource,
        prompt: Prompt,
        config: &GenerateConfig,
        samples: Option<usize>,
        mut live: Option<ActiveRun<'_, '_>>,
    ) -> Result<()> {
        self.expect_room()?;
        let classifier = self.classifier(config)?;
        let count = samples.unwrap_or(1);
        if !(1..=MAX_SAMPLES).contains(&count) {
            refuse!("the number of texts must be 1 to {MAX_SAMPLES} (got {count})");
        }
        let places = count.min(PLACES);
        let model = self.weights(source, live.as_mut()).await?;
        let pool = self.pool(id, &model, config, [places; 2], false, live).await?;
        let (said, messages) = match &prompt {
            Prompt::Text { text } => (text.as_str(), 0),
            Prompt::Messages { messages, .. } => {
                (messages.last().map_or("", |last| &last.content), messages.len())
            }
            Prompt::Tokens { .. } => ("", 0),
        };
        self.report_lost(id, &model.tokenizer, said);
        let prompt = Arc::new(read(&model, prompt, config.max_tokens)?);
        if prompt.left_out > 0 {
            let (oldest, fit) = match prompt.left_out {
                1 => ("the oldest".to_owned(), "was left out: it does not fit"),
                left_out => (format!("the oldest {left_out}"), "were left out: they do not fit"),
            };
            let context = model.config.context_length;
            let text = format!("{oldest} of {messages} messages {fit} the context of {context} tokens");
            self.sink.notices_of(id, [text]);
        }
        if samples.is_none() {
            let tokens = written(&mut DecodeStream::new(model.tokenizer.clone()), &prompt.ids, true);
            self.sink.answer(id, Event::Written { tokens, prompt: true, text: String::new() });
        }
        let text = |number: usize| {
            let seed = config.seed.wrapping_add(number as u64);
            let config = GenerateConfig { seed, ..config.clone() };
            let request = request(model.tokenizer.clone(), &prompt.ids, &prompt.ends, &config);
            let form = match samples {
                Some(_) => Form::Sample,
                None => Form::Tokens {
                    stream: Box::new(DecodeStream::after(model.tokenizer.clone(), &prompt.ids)),
                    hides: config.moderation.mode.hides(),
                },
            };
            let (model, prompt, settings) = (model.clone(), prompt.clone(), CompletionSettings::default());
            let asked = Asked { id, number, seed, model, prompt, settings, special: false, form };
            (Request { classifier: classifier.clone(), ..request }, asked)
        };
        let texts: Vec<_> = (0..count).map(text).collect();
        for (request, asked) in texts {
            let watch = self.watch(&model, None, &request)?;
            let request = Request { watch, ..request };
            self.generations.batches.push(pool, request, asked);
        }
        Ok(())
    }

    async fn begin_completion(
        &mut self,
        id: u64,
        source: &WeightSource,
        prompt: Prompt,
        mut config: GenerateConfig,
        settings: CompletionSettings,
        mut live: Option<ActiveRun<'_, '_>>,
    ) -> Result<()> {
        if self.completions().count() >= MAX_COMPLETIONS {
            return Err(Error::Busy(format!(
                "{MAX_COMPLETIONS} completions are already running; wait for one, or stop one"
            )));
        }
        check(&settings)?;
        if settings.no_tokens {
            config.max_tokens = 1;
        }
        let classifier = self.classifier(&config)?;
        if config.moderation.mode.hides() && !settings.no_tokens && settings.log_probabilities.is_some() {
            refuse!(
                "log-probabilities show every token, but moderation hides some; request no log-probabilities, or set moderation to note"
            );
        }
        let state = match (source, &live) {
            (WeightSource::Current, Some(live)) => self.newest_state(&live.trainer.run().name()),
            _ => None,
        };
        let model = match state {
            Some(model) => model,
            None => self.weights(source, live.as_mut()).await?,
        };
        expect_writes(&model)?;
        expect_short(&prompt, model.config.context_length)?;
        let prompt = read(&model, prompt, config.max_tokens)?;
        if !settings.no_tokens {
            config.max_tokens = room(&prompt, model.config.context_length, &config, &settings)?;
        } else if !settings.echo || settings.log_probabilities.is_some() {
            expect_fits(&prompt, model.config.context_length)?;
        }
        let top = settings.log_probabilities;
        let request =
            Request { classifier, ..request(model.tokenizer.clone(), &prompt.ids, &prompt.ends, &config) };
        let (prompt, special) = (Arc::new(prompt), config.special_tokens);
        let asked = Asked {
            id,
            number: 0,
            seed: config.seed,
            model,
            prompt,
            settings,
            special,
            form: Form::Completion,
        };
        let greedy = config.temperature == 0.0
            && config.repetition_penalty == 1.0
            && config.stop.is_empty()
            && !config.needs_logits();
        if asked.settings.no_tokens {
            self.end_text(asked, Generated::default(), true);
        } else if top.is_some() && asked.settings.echo && greedy && config.max_tokens == 1 {
            let behind = Behind::Likeliest(request);
            self.generations.scoring.unscored.push_back(Unscored { asked, behind });
        } else {
            let watch = self.watch(&asked.model, top, &request)?;
            let places = [1, asked.settings.places];
            let pool = self.pool(id, &asked.model, &request.config, places, true, live).await?;
            let request = Request { watch, ..request };
            self.generations.batches.push(pool, request, asked);
        }
        Ok(())
    }

    fn completions(&self) -> impl Iterator<Item = &Asked> {
        let unscored = self.generations.scoring.unscored.iter().map(|text| &text.asked);
        self.generations.batches.completions().chain(unscored)
    }

    /// The newest state of a training run in use, if the maximum number of states is in use. Older states get no new texts and run out.
    fn newest_state(&self, run: &str) -> Option<Model> {
        let mut states: Vec<&Model> = Vec::new();
        for model in self.completions().map(|asked| &asked.model) {
            let is_state = model.key.0 == run && model.key.1 == CURRENT;
            if is_state && states.iter().all(|known| known.key != model.key) {
                states.push(model);
            }
        }
        let newest = states.iter().max_by_key(|model| model.step).copied();
        newest.filter(|_| states.len() >= MAX_STATES).cloned()
    }

    /// Reports a generated text, or queues it for scoring. `is_last` if no other text of its request is unfinished.
    pub(super) fn end_text(&mut self, asked: Asked, generated: Generated, is_last: bool) {
        let CompletionSettings { log_probabilities, echo, embeds, no_tokens, .. } = asked.settings;
        let is_whole = generated.ending != Ending::Interrupted;
        if is_whole && (embeds || log_probabilities.is_some() && (echo || generated.scores.is_empty())) {
            let behind = Behind::Written(generated);
            self.generations.scoring.unscored.push_back(Unscored { asked, behind });
            return;
        }
        let lists = is_whole && (log_probabilities.is_some() || no_tokens && echo);
        let tokens = if lists { tokens_of(&asked, &generated, &generated.scores) } else { Vec::new() };
        self.report_completed(asked, generated, Completion { tokens, ..Completion::default() }, is_last);
    }

    /// Reports a text, with the scores or the embedding in `found`.
    fn report_completed(&self, asked: Asked, generated: Generated, found: Completion, is_last: bool) {
        let Asked { id, number, seed, model, prompt, settings, .. } = asked;
        let completion = Box::new(Completion {
            echoed: if settings.echo { prompt.text(&model.tokenizer) } else { String::new() },
            run: model.key.0,
            number,
            seed,
            text: generated.text,
            ending: generated.ending,
            prompt_tokens: prompt.ids.len(),
            written_tokens: generated.tokens.len() + usize::from(generated.end.is_some()),
            ids: generated.tokens,
            seconds: generated.seconds,
            tokens_per_s: generated.tokens_per_s,
            characters_lost: prompt.lost.clone(),
            special_tokens: prompt.special,
            moderated: generated.moderated,
            ..found
        });
        self.sink.answer(id, Event::Completed { completion });
        if is_last {
            self.sink.finished(id);
        }
    }

    /// Ends a completion that only lacks log-probabilities, or all of them if `request` is 0, without these.
    pub(super) fn stop_scoring(&mut self, request: u64) {
        let is_meant = |text: &Unscored| request == 0 || text.asked.id == request;
        let (meant, others): (VecDeque<_>, _) =
            std::mem::take(&mut self.generations.scoring.unscored).into_iter().partition(is_meant);
        self.generations.scoring.unscored = others;
        for Unscored { asked, behind } in meant {
            let generated = match behind {
                Behind::Written(generated) => generated,
                Behind::Likeliest(_) => Generated::default(),
            };
            let generated = Generated { ending: Ending::Interrupted, ..generated };
            self.report_completed(asked, generated, Completion::default(), true);
        }
    }
}

fn check(settings: &CompletionSettings) -> Result<()> {
    let invalid = |field: &str, value: usize, rule: String| Err(Invalid::new(field, value, rule).into());
    match settings.log_probabilities {
        Some(count) if count > MAX_TOP_LOGPROBS => {
            return invalid("logprobs", count, format!("be at most {MAX_TOP_LOGPROBS}"));
        }
        _ => {}
    }
    match settings.places {
        1..=MAX_PLACES => Ok(()),
        places => invalid("places", places, format!("be between 1 and {MAX_PLACES}")),
    }
}

/// Encodes a prompt. A reply of `max_tokens` has room after it.
fn read(model: &Model, prompt: Prompt, max_tokens: usize) -> Result<Encoded> {
    let files = model.tokenizer.files();
    let lost = |text: &str| -> String { model.tokenizer.unknown_characters(text).into_iter().collect() };
    let special =
        |text: &str| model.tokenizer.special_pattern().map_or(0, |special| special.find_iter(text).count());
    match prompt {
        Prompt::Text { text } => {
            let ids = prompt_tokens(&model.tokenizer, &text)?;
            let unwritten = if text.is_empty() { ids.len() } else { model.tokenizer.begins().len() };
            let (lost, special) = (lost(&text), special(&text));
            Ok(Encoded { ids, unwritten, lost, special, text: Some(text), ..Encoded::default() })
        }
        Prompt::Tokens { ids } => {
            if ids.is_empty() {
                refuse!("the prompt has no tokens; give at least one");
            }
            let vocabulary = model.config.vocabulary;
            if let Some(id) = ids.iter().find(|id| **id as usize >= vocabulary) {
                refuse!(
                    "the prompt has token {id}, but the vocabulary of {} ends at {}",
                    model.key.0,
                    vocabulary - 1
                );
            }
            Ok(Encoded { ids, ..Encoded::default() })
        }
        Prompt::Messages { mut messages, rendering } => {
            let contents: String = messages.iter().map(|message| message.content.as_str()).collect();
            let ChatPrompt { tokens: ids, left_out } = match &rendering {
                None => chat_prompt(files, &messages, chat_room(model.config.context_length, max_tokens))?,
                Some(rendering) => {
                    ChatPrompt { tokens: rendered_prompt(files, &messages, rendering)?, left_out: 0 }
                }
            };
            if rendering.is_some_and(|rendering| rendering.ending == ChatEnding::Continued) {
                messages.pop();
            }
            let (lost, special) = (lost(&contents), special(&contents));
            let ends = files.turn_end(&messages).into_iter().collect();
            Ok(Encoded { ids, left_out, ends, lost, special, ..Encoded::default() })
        }
    }
}

/// The text that each token adds; special tokens are spelled out or add nothing.
fn pieces(mut stream: DecodeStream<&Tokenizer>, ids: &[u32], special: bool) -> Vec<String> {
    let mut pieces = Vec::with_capacity(ids.len());
    for id in ids {
        let token = stream.tokenizer().describe(*id);
        pieces.push(match token.special {
            true if special => token.text,
            true => String::new(),
            false => stream.push(*id).unwrap_or_default(),
        });
    }
    // Bytes of an incomplete character belong to the last token.
    if let (Some(last), Some(rest)) = (pieces.last_mut(), stream.flush()) {
        last.push_str(&rest);
    }
    pieces
}

/// Fails if a prompt is too long in any tokenisation: tokenising megabytes would block other work for seconds.
fn expect_short(prompt: &Prompt, context: usize) -> Result<()> {
    let bytes = prompt.bytes().iter().sum::<usize>();
    if bytes <= context.saturating_mul(TOKEN_BYTES) {
        return Ok(());
    }
    let rule = format!("have at most {TOKEN_BYTES} bytes for each of the {context} tokens of the context");
    Err(Invalid::new("prompt", format!("{bytes} bytes"), rule).into())
}

fn expect_fits(prompt: &Encoded, context: usize) -> Result<()> {
    match prompt.ids.len() {
        tokens if tokens <= context => Ok(()),
        tokens => Err(too_long(tokens, format!("be at most {context}, the context length"))),
    }
}

fn too_long(tokens: usize, rule: String) -> Error {
    Invalid::new("prompt", counted(tokens as u64, "token"), rule).into()
}

/// Maximum number of tokens to generate.
fn room(
    prompt: &Encoded,
    context: usize,
    config: &GenerateConfig,
    settings: &CompletionSettings,
) -> Result<usize> {
    expect_fits(prompt, context)?;
    let (tokens, wanted) = (prompt.ids.len(), config.max_tokens);
    match context - tokens {
        0 => Err(too_long(tokens, format!("be fewer than the context length, {context}, to be continued"))),
        room if wanted <= room => Ok(wanted),
        room if settings.fits => Ok(room),
        room => {
            let tokens = counted(tokens as u64, "token");
            let rule =
                format!("be at most {room}: the prompt has {tokens}, and the context length is {context}");
            Err(Invalid::new("max_tokens", wanted, rule).into())
        }
    }
}
