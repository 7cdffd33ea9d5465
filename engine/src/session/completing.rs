//! Completions for other programs, many at a time. Completions of the same weights join one batch. Token log-probabilities come
//! from one batched pass over each finished text.

mod scoring;

use super::Session;
use super::batches::Asked;
use super::training::ActiveRun;
use super::writing::{CURRENT, Key, Model, expect_writes};
use crate::evaluation::Scorer;
use crate::generation::{Decode, Generated, Request, prompt_tokens, rendered_prompt, request};
use crate::protocol::completion::MAX_TOP_LOGPROBS;
use crate::protocol::quantity::counted;
use crate::protocol::{
    ChatEnding, Completion, CompletionPrompt, CompletionSettings, CompletionToken, Ending, Event,
    GenerateConfig, Invalid, Moderated, WeightSource,
};
use crate::tokenizer::{DecodeStream, Tokenizer};
use crate::{Error, Result};
use serde_json::{Map, Value};
use std::collections::VecDeque;

/// Maximum completions in progress or waiting.
const MAX_COMPLETIONS: usize = 4096;
/// Maximum slots of a decoder.
const MAX_PLACES: usize = 256;
/// Maximum states of a run in training that completions use at the same time. Each has its own decoder, so without this limit
/// every group of steps would add one to memory.
const MAX_STATES: usize = 2;
/// Assumed maximum bytes of a token, for rejecting long texts before tokenising them; many times that of any known vocabulary.
const TOKEN_BYTES: usize = 1024;

/// Finished completions that only lack log-probabilities.
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

/// A completion in progress.
pub(super) struct Completing {
    pub(super) id: u64,
    pub(super) model: Model,
    prompt: Prompt,
    settings: CompletionSettings,
    /// Write special tokens as text.
    special: bool,
}

struct Prompt {
    ids: Vec<u32>,
    text: String,
    /// Number of leading tokens that have no text.
    unwritten: usize,
    /// Characters that the vocabulary lacks.
    lost: String,
    /// Number of special tokens in its text or messages.
    special: usize,
    /// Tokens that end an answer, in addition to the tokenizer's own.
    ends: Vec<u32>,
}

/// A completion that only lacks log-probabilities.
struct Unscored {
    asked: Completing,
    behind: Behind,
}

/// What follows a prompt whose tokens are scored.
enum Behind {
    Written(Written),
    /// The most likely token, obtained from the same pass over the prompt.
    Likeliest(Request<Decode<'static>>),
}

pub(super) struct Written {
    text: String,
    /// Includes the token that ended it.
    ids: Vec<u32>,
    ending: Ending,
    moderated: Moderated,
}

impl From<Generated> for Written {
    fn from(mut generated: Generated) -> Self {
        let mut ids = std::mem::take(&mut generated.tokens);
        ids.extend(generated.end);
        let Generated { text, ending, moderated, .. } = generated;
        Self { text, ids, ending, moderated }
    }
}

impl Session {
    pub(super) async fn begin_completion(
        &mut self,
        id: u64,
        source: &WeightSource,
        prompt: CompletionPrompt,
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
        config.validate()?;
        let (mut config, judges) = self.with_judges(&config)?;
        if config.moderation.mode.hides() && !settings.no_tokens && settings.log_probabilities.is_some() {
            return Err(Error::Refused(
                "log-probabilities show every token, but moderation hides some; request no log-probabilities, or set moderation to note"
                    .to_owned(),
            ));
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
        let prompt = read(&model, prompt)?;
        if settings.no_tokens {
            expect_fits(&prompt, model.config.context_length)?;
        } else {
            config.max_tokens = room(&prompt, model.config.context_length, &config, &settings)?;
        }
        let request =
            Request { judges, ..request(model.tokenizer.clone(), &prompt.ids, &prompt.ends, &config) };
        let scores = settings.log_probabilities.is_some();
        let asked = Completing { id, model, prompt, settings, special: config.special_tokens };
        let greedy = config.temperature == 0.0 && config.repetition_penalty == 1.0 && config.stop.is_empty();
        if asked.settings.no_tokens {
            let behind = Written {
                text: String::new(),
                ids: Vec::new(),
                ending: Ending::MaxTokens,
                moderated: Moderated::new(),
            };
            self.complete(asked, behind);
        } else if scores && asked.settings.echo && greedy && config.max_tokens == 1 {
            let behind = Behind::Likeliest(request);
            self.generations.scoring.unscored.push_back(Unscored { asked, behind });
        } else {
            self.take_up(source, asked, request, live).await?;
        }
        Ok(())
    }

    fn completions(&self) -> impl Iterator<Item = &Completing> {
        let unscored = self.generations.scoring.unscored.iter().map(|text| &text.asked);
        self.generations.batches.completions().chain(unscored)
    }

    /// The newest state of a training run in use, if the maximum number of states is in use. Older states get no new texts and
    /// run out.
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

    /// Adds a completion to the batch of its weights.
    async fn take_up(
        &mut self,
        source: &WeightSource,
        asked: Completing,
        request: Request<Decode<'static>>,
        live: Option<ActiveRun<'_, '_>>,
    ) -> Result<()> {
        let precision = request.config.precision;
        if let Some(pool) = self.generations.batches.completions_of(&asked.model.key, precision) {
            pool.push(request, Asked::Completion(Box::new(asked)));
            return Ok(());
        }
        let (model, decoder) = self.model_and_decoder(source, precision, asked.settings.places, live).await?;
        // The same weights score the text and write it.
        let asked = Box::new(Completing { model: model.clone(), ..asked });
        self.write_all((model, decoder), precision, vec![(request, Asked::Completion(asked))]);
        Ok(())
    }

    /// Finishes a generated completion: reports it, or queues it for scoring.
    pub(super) fn complete(&mut self, asked: Completing, written: Written) {
        if asked.settings.log_probabilities.is_some() && written.ending != Ending::Interrupted {
            let behind = Behind::Written(written);
            self.generations.scoring.unscored.push_back(Unscored { asked, behind });
        } else {
            self.tell_completed(asked, written, Vec::new());
        }
    }

    fn tell_completed(&self, asked: Completing, written: Written, tokens: Vec<CompletionToken>) {
        let Completing { id, model, prompt, settings, .. } = asked;
        let completion = Box::new(Completion {
            run: model.key.0,
            echoed: if settings.echo { prompt.text } else { String::new() },
            text: written.text,
            ending: written.ending,
            prompt_tokens: prompt.ids.len(),
            written_tokens: written.ids.len(),
            tokens,
            characters_lost: prompt.lost,
            special_tokens: prompt.special,
            moderated: written.moderated,
        });
        self.sink.answer(id, Event::Completed { completion });
        self.sink.finished(id);
    }

    /// Ends a completion that only lacks log-probabilities, or all of them if `request` is 0, without these.
    pub(super) fn stop_scoring(&mut self, request: u64) {
        let is_meant = |text: &Unscored| request == 0 || text.asked.id == request;
        let (meant, others): (VecDeque<_>, _) =
            std::mem::take(&mut self.generations.scoring.unscored).into_iter().partition(is_meant);
        self.generations.scoring.unscored = others;
        for Unscored { asked, behind } in meant {
            let (text, ids, moderated) = match behind {
                Behind::Written(written) => (written.text, written.ids, written.moderated),
                Behind::Likeliest(_) => Default::default(),
            };
            let written = Written { text, ids, ending: Ending::Interrupted, moderated };
            self.tell_completed(asked, written, Vec::new());
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

/// Encodes a prompt.
fn read(model: &Model, prompt: CompletionPrompt) -> Result<Prompt> {
    let files = model.tokenizer.files();
    expect_short(&prompt, model.config.context_length)?;
    let lost = |text: &str| -> String { model.tokenizer.unknown_characters(text).into_iter().collect() };
    let special =
        |text: &str| model.tokenizer.special_pattern().map_or(0, |special| special.find_iter(text).count());
    match prompt {
        CompletionPrompt::Text { text } => {
            let ids = prompt_tokens(&model.tokenizer, &text)?;
            let unwritten = if text.is_empty() { ids.len() } else { model.tokenizer.begins().len() };
            Ok(Prompt { ids, unwritten, ends: Vec::new(), lost: lost(&text), special: special(&text), text })
        }
        CompletionPrompt::Tokens { ids } => {
            if ids.is_empty() {
                return Err(Error::Refused("the prompt has no tokens; give at least one".to_owned()));
            }
            let vocabulary = model.config.vocabulary;
            if let Some(id) = ids.iter().find(|id| **id as usize >= vocabulary) {
                return Err(Error::Refused(format!(
                    "the prompt has token {id}, but the vocabulary of {} ends at {}",
                    model.key.0,
                    vocabulary - 1
                )));
            }
            let text = pieces(DecodeStream::new(&*model.tokenizer), &ids, true).concat();
            Ok(Prompt { ids, text, unwritten: 0, ends: Vec::new(), lost: String::new(), special: 0 })
        }
        CompletionPrompt::Messages { mut messages, rendering } => {
            let contents: String = messages.iter().map(|message| message.content.as_str()).collect();
            let ids = rendered_prompt(files, &messages, &rendering)?;
            if rendering.ending == ChatEnding::Continued {
                messages.pop();
            }
            let ends = files.turn_end(&messages).into_iter().collect();
            let text = pieces(DecodeStream::new(&*model.tokenizer), &ids, true).concat();
            Ok(Prompt { ids, text, unwritten: 0, ends, lost: lost(&contents), special: special(&contents) })
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
fn expect_short(prompt: &CompletionPrompt, context: usize) -> Result<()> {
    let bytes = match prompt {
        CompletionPrompt::Text { text } => text.len(),
        CompletionPrompt::Messages { messages, rendering } => {
            let of_messages =
                messages.iter().map(|message| message.content.len() + json_bytes(&message.fields));
            of_messages.sum::<usize>() + json_bytes(&rendering.variables)
        }
        CompletionPrompt::Tokens { .. } => 0,
    };
    if bytes <= context.saturating_mul(TOKEN_BYTES) {
        return Ok(());
    }
    let rule = format!("be at most {}, the context length", counted(context as u64, "token"));
    Err(Invalid::new("prompt", format!("{bytes} bytes"), rule).into())
}

/// Bytes of fields as JSON, as a template may write them.
fn json_bytes(fields: &Map<String, Value>) -> usize {
    if fields.is_empty() { 0 } else { serde_json::to_vec(fields).map_or(0, |json| json.len()) }
}

fn expect_fits(prompt: &Prompt, context: usize) -> Result<()> {
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
    prompt: &Prompt,
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
