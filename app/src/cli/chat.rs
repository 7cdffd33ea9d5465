//! `glasshouse chat`: a conversation through the model's chat template, or plain completion for models without one.

use super::arguments::{DeviceArguments, ModelArguments};
use super::driver::{Engine, drive, is_of, shown};
use super::generate::{SamplingArguments, generate_config};
use super::trained::{self, OpenedModel};
use anyhow::{Result, anyhow, bail};
use clap::Args;
use glasshouse_engine::protocol::{ChatMessage, Command, Event, GenerateConfig, Output, Prompt, Role};
use std::io::{BufRead as _, ErrorKind, IsTerminal as _, Write as _};

pub(super) fn chat(arguments: &ChatArguments) -> Result<()> {
    let config = generate_config(&arguments.sampling)?;
    glasshouse_engine::use_small_pages();
    let options = arguments.device.options()?;
    drive(options, async |engine| {
        let model = trained::open(engine, &arguments.model, config.weights).await?;
        let said = match (&arguments.system, model.chats && !arguments.no_template) {
            (system, true) => {
                Said::Messages(system.iter().map(|text| ChatMessage::new(Role::System, text)).collect())
            }
            (None, false) => Said::Text(String::new()),
            (Some(_), false) => {
                bail!("{} has no chat template for a system message; leave out --system", model.run)
            }
        };
        converse(engine, &model, said, config).await
    })
}

/// The text or conversation so far.
#[derive(Clone)]
enum Said {
    Text(String),
    Messages(Vec<ChatMessage>),
}

impl Said {
    fn help(&self) -> &'static str {
        match self {
            Self::Text(_) => {
                "Type the beginning of a text and press Enter: the model continues it. An empty line continues without new text; /new starts over, \
                 /quit ends."
            }
            Self::Messages(_) => {
                "Type a message and press Enter: the model answers. /new starts over, /quit ends."
            }
        }
    }

    /// Adds a typed line; `false` if it is blank.
    fn add_line(&mut self, line: &str) -> bool {
        match self {
            Self::Text(text) => text.push_str(line),
            Self::Messages(_) if line.trim().is_empty() => return false,
            Self::Messages(messages) => messages.push(ChatMessage::new(Role::User, line)),
        }
        true
    }

    fn add_answer(&mut self, answer: String) {
        match self {
            Self::Text(text) => text.push_str(&answer),
            Self::Messages(messages) => messages.push(ChatMessage::new(Role::Assistant, answer)),
        }
    }

    fn command(&self, model: &OpenedModel, config: &GenerateConfig) -> Command {
        let (source, config) = (model.source.clone(), config.clone());
        let prompt = match self {
            Self::Text(text) => {
                let prompt = if text.is_empty() { "\n".to_owned() } else { text.clone() };
                prompt.as_str().into()
            }
            Self::Messages(messages) => Prompt::Messages { messages: messages.clone(), rendering: None },
        };
        Command::Generate { source, prompt, config, output: Output::Tokens }
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
    model: &OpenedModel,
    mut said: Said,
    mut config: GenerateConfig,
) -> Result<()> {
    let interactive = std::io::stdin().is_terminal();
    let template = match (&said, model.chatml) {
        (Said::Text(_), _) => "",
        (Said::Messages(_), true) => ", with the ChatML template",
        (Said::Messages(_), false) => ", with its own chat template",
    };
    tell!("{} at step {}{template}. {}", model.run, model.step, said.help());
    let nothing = said.clone();
    let mut lines = (1..).zip(std::io::stdin().lock().lines());
    loop {
        if interactive {
            std::io::stderr().write_all(b"> ").ok();
        }
        let Some((number, line)) = lines.next() else { return Ok(()) };
        let line = line.map_err(|error| unreadable(number, &error))?;
        let before = said.clone();
        match line.trim() {
            "/quit" | "/exit" => return Ok(()),
            "/new" => {
                said.clone_from(&nothing);
                continue;
            }
            _ if said.add_line(&line) => {}
            _ => continue,
        }
        let mut answer = String::new();
        let show = |event| {
            let mut output = std::io::stdout().lock();
            match event {
                Event::Written { text: piece, .. } => {
                    write!(output, "{piece}")?;
                    output.flush()?;
                }
                Event::Completed { completion } => {
                    writeln!(output)?;
                    trained::tell_moderated(&completion.moderated);
                    answer = completion.text;
                }
                _ => {}
            }
            Ok(())
        };
        match engine.ask(said.command(model, &config), shown(show)).await {
            Ok(()) => said.add_answer(answer),
            // At a terminal, it can be rephrased.
            Err(error) if interactive && is_of(&error, glasshouse_engine::protocol::ErrorKind::Refused) => {
                tell!("{error}");
                said = before;
            }
            Err(error) => return Err(error),
        }
        // Another seed per turn, so that repeated prompts give different replies.
        config = GenerateConfig { seed: config.seed.wrapping_add(1), ..config };
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
    #[command(flatten)]
    pub device: DeviceArguments,
}
