//! `glasshouse chat`: a conversation through the model's chat template, or plain completion for models without one. It is kept in the
//! project.

use super::driver::is_of;
use super::generate::{SamplingArguments, generate_config};
use super::prelude::*;
use std::io::{BufRead as _, ErrorKind};

pub(super) fn chat(arguments: &ChatArguments) -> Result<()> {
    let config = generate_config(&arguments.sampling)?;
    glasshouse_engine::use_small_pages();
    drive(arguments.sampling.decoding.options(), async |engine| {
        let (source, model) = trained::open(engine, &arguments.model, config.weights).await?;
        let said = match (&arguments.system, model.chats && !arguments.no_template) {
            (system, true) => {
                let messages = system.iter().map(|text| ChatMessage::new(Role::System, text)).collect();
                Prompt::Messages { messages, rendering: None }
            }
            (None, false) => Prompt::from(""),
            (Some(_), false) => {
                bail!("{} has no chat template for a system message; leave out --system", model.run)
            }
        };
        converse(engine, (source, &model), said, config).await
    })
}

/// Adds a line or an answer to the text or conversation so far.
fn add(said: &mut Prompt, role: Role, words: &str) {
    match said {
        Prompt::Text { text } => text.push_str(words),
        Prompt::Messages { messages, .. } => messages.push(ChatMessage::new(role, words)),
        Prompt::Tokens { .. } => {}
    }
}

const TEXT_HELP: &str = "Type the beginning of a text and press Enter: the model continues it. An empty line continues without new text; \
    Ctrl-C stops it, /new starts over, /quit ends.";
const CHAT_HELP: &str = "Type a message and press Enter: the model answers. Ctrl-C stops the answer, /new starts over, /quit ends.";

const STOPPING: &str = "stopping the answer";

/// The conversation as it is kept in the project.
#[derive(Default)]
struct Record {
    conversation: Conversation,
    /// Saving failed, which was reported.
    failed: bool,
}

impl Record {
    /// Saves a message and its answer.
    async fn keep(&mut self, engine: &mut Engine, said: &str, answer: KeptMessage) {
        let when = crate::format::now();
        let own = &mut self.conversation;
        if own.id == 0 {
            own.id = crate::format::now_micros();
        }
        own.messages.extend([KeptMessage::new(Role::User, said, when), KeptMessage { when, ..answer }]);
        let command = Command::KeepConversation { conversation: Box::new(own.clone()) };
        match engine.ask_for::<answer::Conversations>(command).await.map(|answer| answer.kept) {
            Ok(Some(id)) if id != own.id => (own.id, own.revision) = (id, 1),
            Ok(_) => own.revision += 1,
            Err(_) if self.failed => {}
            Err(error) => {
                report!("note: this conversation is not kept: {error}");
                self.failed = true;
            }
        }
    }
}

fn unreadable(line: u64, error: &std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::InvalidData => anyhow!("standard input, line {line}: not UTF-8; convert it to UTF-8"),
        _ => anyhow!("standard input, line {line}: {error}"),
    }
}

async fn converse(
    engine: &mut Engine,
    (source, model): (WeightSource, &answer::ModelOpened),
    mut said: Prompt,
    mut config: GenerateConfig,
) -> Result<()> {
    let interactive = std::io::stdin().is_terminal();
    let nothing = said.clone();
    let is_text = matches!(said, Prompt::Text { .. });
    let (template, help) = match model.chatml {
        _ if is_text => ("", TEXT_HELP),
        true => (", with the ChatML template", CHAT_HELP),
        false => (", with its own chat template", CHAT_HELP),
    };
    report!("{} at step {}{template}. {help}", model.run, model.step);
    let flags = interrupt::flags(STOPPING)?;
    let mut record = Record::default();
    if let Prompt::Messages { messages, .. } = &said {
        let told = messages.iter().map(|own| KeptMessage::new(own.role, &own.content, 0));
        record.conversation.messages.extend(told);
    }
    let beginning = record.conversation.messages.clone();
    let mut lines = (1..).zip(std::io::stdin().lock().lines());
    loop {
        // Before the prompt: a Ctrl-C that answers it leaves.
        flags.idle.store(true, Ordering::SeqCst);
        if interactive {
            std::io::stderr().write_all(b"> ").ok();
        }
        let next = lines.next();
        flags.idle.store(false, Ordering::SeqCst);
        let Some((number, line)) = next else { return Ok(()) };
        let line = line.map_err(|error| unreadable(number, &error))?;
        let before = said.clone();
        match line.trim() {
            "/quit" | "/exit" => return Ok(()),
            "/new" => {
                said.clone_from(&nothing);
                record.conversation = Conversation { messages: beginning.clone(), ..Conversation::default() };
                continue;
            }
            "" if !is_text => continue,
            _ => add(&mut said, Role::User, &line),
        }
        let (mut answer, mut changed) = (String::new(), false);
        let show = |event| {
            let mut output = terminal::out();
            match event {
                Event::Written { text: piece, .. } => {
                    write!(output, "{piece}")?;
                    output.flush()?;
                }
                Event::Completed { completion } => {
                    writeln!(output)?;
                    trained::print_moderated(&completion.moderated);
                    changed = config.moderation.mode.hides() && !completion.moderated.is_empty();
                    answer = completion.text;
                }
                _ => {}
            }
            Ok(())
        };
        let command = Command::Generate {
            source: source.clone(),
            // A prompt cannot be empty.
            prompt: if said == Prompt::from("") { "\n".into() } else { said.clone() },
            config: config.clone(),
            output: Output::Tokens,
        };
        let answered = engine.ask_until_signal(command, STOPPING, shown(show)).await;
        let stopped = flags.stop.load(Ordering::SeqCst);
        match answered {
            // It was stopped before it began.
            Ok(()) if stopped && answer.is_empty() => said = before,
            Ok(()) => {
                add(&mut said, Role::Assistant, &answer);
                let settings = GenerateConfig { moderation: Box::default(), ..config.clone() };
                let origin = ReplyOrigin {
                    run: model.run.clone(),
                    step: Some(model.step),
                    source: source.clone(),
                    config: settings,
                    moderated: changed,
                    ..ReplyOrigin::default()
                };
                let answer = KeptMessage::new(Role::Assistant, answer, 0);
                record.keep(engine, &line, KeptMessage { origin: Some(Box::new(origin)), ..answer }).await;
            }
            // At a terminal, it can be rephrased.
            Err(error) if interactive && is_of(&error, glasshouse_engine::protocol::ErrorKind::Refused) => {
                report!("{error}");
                said = before;
            }
            Err(error) => return Err(error),
        }
        // Another seed per turn, so that repeated prompts give different replies.
        config.seed = config.seed.wrapping_add(1);
        // At a terminal, Ctrl-C stops only the answer.
        if stopped && !(interactive && flags.forget_interrupt()) {
            return Ok(());
        }
    }
}

#[derive(Args, Debug)]
pub struct ChatArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    #[command(flatten)]
    pub sampling: SamplingArguments,
    /// System message, for models with a chat template
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// Continue the plain text, even if the model has a chat template
    #[arg(long, conflicts_with = "system")]
    pub no_template: bool,
}
