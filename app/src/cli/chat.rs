//! `glasshouse chat`: a conversation through the model's chat template, or plain completion for models without one.

use super::driver::is_of;
use super::generate::{SamplingArguments, generate_config};
use super::prelude::*;
use super::trained::OpenedModel;
use std::io::{BufRead as _, ErrorKind};

pub(super) fn chat(arguments: &ChatArguments) -> Result<()> {
    let config = generate_config(&arguments.sampling)?;
    glasshouse_engine::use_small_pages();
    drive(arguments.device.options(), async |engine| {
        let model = trained::open(engine, &arguments.model, config.weights).await?;
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
        converse(engine, &model, said, config).await
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
    /new starts over, /quit ends.";
const CHAT_HELP: &str = "Type a message and press Enter: the model answers. /new starts over, /quit ends.";

fn unreadable(line: u64, error: &std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::InvalidData => anyhow!("standard input, line {line}: not UTF-8; convert it to UTF-8"),
        _ => anyhow!("standard input, line {line}: {error}"),
    }
}

async fn converse(
    engine: &mut Engine,
    model: &OpenedModel,
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
    tell!("{} at step {}{template}. {help}", model.run, model.step);
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
            "" if !is_text => continue,
            _ => add(&mut said, Role::User, &line),
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
        let command = Command::Generate {
            source: model.source.clone(),
            // A prompt cannot be empty.
            prompt: if said == Prompt::from("") { "\n".into() } else { said.clone() },
            config: config.clone(),
            output: Output::Tokens,
        };
        // Another seed per turn, so that repeated prompts give different replies.
        config.seed = config.seed.wrapping_add(1);
        match engine.ask(command, shown(show)).await {
            Ok(()) => add(&mut said, Role::Assistant, &answer),
            // At a terminal, it can be rephrased.
            Err(error) if interactive && is_of(&error, glasshouse_engine::protocol::ErrorKind::Refused) => {
                tell!("{error}");
                said = before;
            }
            Err(error) => return Err(error),
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
    #[command(flatten)]
    pub device: DeviceArguments,
}
