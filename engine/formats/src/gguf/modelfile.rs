//! Ollama's `Modelfile` for a GGUF file: chat template, stop strings and sampling parameters.
//!
//! Ollama does not interpret Jinja; its templates are Go's. A chat template is translated by what it writes: the text around each
//! message is taken from small conversations, and the result is compared with the template on others.

use glasshouse_protocol::{ChatMessage, GenerateConfig, Role};
use glasshouse_text::tokenizer::TokenizerFiles;
use std::fmt::Write as _;

pub const ENDING: &str = ".Modelfile";

/// Functions of templates whose output depends on the day.
const TODAY: [&str; 2] = ["strftime_now", "date_string"];

/// A file's `Modelfile`, and notices for the user, one line each. `file` is the GGUF file's name.
pub fn modelfile(file: &str, tokenizer: &TokenizerFiles, context_length: usize) -> (String, Vec<String>) {
    let mut notices = Vec::new();
    let turns = tokenizer.chat_template.as_ref().map(|_| ChatTurns::read(tokenizer));
    let mut text = format!("# ollama create NAME -f {}\nFROM ./{file}\n", quoted(&format!("{file}{ENDING}")));
    match &turns {
        None => text += "TEMPLATE \"\"\"{{ .Prompt }}\"\"\"\n",
        Some(Ok(turns)) => {
            let source = tokenizer.chat_template.as_deref().unwrap_or_default();
            if TODAY.iter().any(|name| source.contains(name)) {
                notices.push("the Modelfile's TEMPLATE has the date of this export".to_owned());
            }
            if turns.system.is_none() {
                notices
                    .push("the chat template accepts no system message; the Modelfile ignores it".to_owned());
            }
            let _ = writeln!(text, "TEMPLATE \"\"\"{}\"\"\"", turns.go());
        }
        Some(Err(reason)) => {
            let told = format!("the chat template cannot be translated for Ollama: {reason}");
            // A template chooses its own error messages, which must not become instructions of the Modelfile.
            let told = told.replace(['\n', '\r'], " ");
            let _ = writeln!(
                text,
                "# {told}.\n# Ollama guesses a template; write TEMPLATE here before using it."
            );
            notices.push(format!(
                "{told}; the Modelfile has no TEMPLATE, and Ollama guesses one: write it before using the file there"
            ));
        }
    }
    let _ = writeln!(text, "PARAMETER num_ctx {context_length}");
    for (name, value) in parameters(tokenizer) {
        let _ = writeln!(text, "PARAMETER {name} {value}");
    }
    for stop in stops(tokenizer, turns.and_then(Result::ok).as_ref()) {
        let _ = writeln!(text, "PARAMETER stop {}", quoted(&stop));
    }
    (text, notices)
}

/// A value with the quotes that Ollama's parser needs; it knows no escapes.
fn quoted(value: &str) -> String {
    if value.contains(['"', '\n']) { format!("\"\"\"{value}\"\"\"") } else { format!("\"{value}\"") }
}

/// Sampling parameters: an imported model's own, or else the defaults of the chat page, because Ollama's differ.
fn parameters(tokenizer: &TokenizerFiles) -> Vec<(&'static str, f64)> {
    let config = GenerateConfig::default();
    // Written as in the settings, without the digits of the conversion.
    let short = |value: f32| value.to_string().parse().unwrap_or_else(|_| f64::from(value));
    let own = |name: &str| tokenizer.generation.get(name).and_then(serde_json::Value::as_f64);
    vec![
        ("temperature", own("temperature").unwrap_or_else(|| short(config.temperature))),
        ("top_k", own("top_k").unwrap_or(config.top_k as f64)),
        ("top_p", own("top_p").unwrap_or_else(|| short(config.top_p))),
        ("min_p", own("min_p").unwrap_or_else(|| short(config.min_p))),
        ("repeat_penalty", own("repetition_penalty").unwrap_or_else(|| short(config.repetition_penalty))),
    ]
}

/// The tokens that end a text, and for templates whose turns end with none of them, the text before the user's next turn.
fn stops(tokenizer: &TokenizerFiles, turns: Option<&ChatTurns>) -> Vec<String> {
    let ends = tokenizer.tokenizer.ends();
    let mut stops: Vec<String> = ends.into_iter().filter_map(|id| tokenizer.tokenizer.token(id)).collect();
    if let Some(turns) = turns
        && !stops.iter().any(|stop| turns.assistant_to_user.contains(stop.as_str()))
    {
        let next = turns.assistant_to_user.trim();
        stops.extend((!next.is_empty()).then(|| next.to_owned()));
    }
    // These would end the quotes early, and what follows would become instructions.
    stops.retain(|stop| !stop.contains("\"\"\""));
    stops
}

/// The texts that a chat template writes around messages.
#[derive(Debug, PartialEq)]
struct ChatTurns {
    /// Before a conversation that begins with the user.
    begin: String,
    /// Before the system's message, and between it and the user's; `None` if the template accepts none.
    system: Option<(String, String)>,
    /// Between the user's message and an earlier answer.
    user_to_assistant: String,
    /// Between an answer and the user's next message.
    assistant_to_user: String,
    /// After the last message: the start of the answer.
    answer: String,
}

impl ChatTurns {
    /// Finds the texts in renderings of short conversations. Fails if the template does more than write texts around messages; the error
    /// says what.
    fn read(files: &TokenizerFiles) -> Result<Self, String> {
        use Role::{Assistant, System, User};
        let renderer = files.chat_renderer().map_err(|error| error.to_string())?;
        let render = |messages: &[(Role, &str)]| {
            let messages: Vec<_> =
                messages.iter().map(|(role, text)| ChatMessage::new(*role, *text)).collect();
            renderer.text(&messages, true)
        };
        // Words that no template contains.
        let [system, first, reply, second] = ["glasshouse1", "glasshouse2", "glasshouse3", "glasshouse4"];
        let around = |text: &str, words: &[&str]| {
            let (mut rest, mut parts) = (text, Vec::new());
            for word in words {
                let (before, after) =
                    rest.split_once(word).ok_or("it leaves messages out, or changes their order")?;
                parts.push(before.to_owned());
                rest = after;
            }
            parts.push(rest.to_owned());
            Ok::<_, String>(parts)
        };
        let written = render(&[(User, first), (Assistant, reply), (User, second)])?;
        let parts = around(&written, &[first, reply, second])?;
        let [begin, user_to_assistant, assistant_to_user, answer] =
            <[String; 4]>::try_from(parts).map_err(|_| "it has other parts")?;
        let system = match render(&[(System, system), (User, first)]) {
            Ok(written) => {
                let parts = around(&written, &[system, first])?;
                let [open, to_user, _] = <[String; 3]>::try_from(parts).map_err(|_| "it has other parts")?;
                Some((open, to_user))
            }
            Err(_) => None,
        };
        let mut turns = Self { begin, system, user_to_assistant, assistant_to_user, answer };
        let mut conversations = vec![
            vec![(User, "Hi")],
            vec![(User, "1 + 1?"), (Assistant, "2."), (User, "Why?"), (Assistant, "So."), (User, "Ah!")],
        ];
        if turns.system.is_some() {
            let instructed = |all: &Vec<(Role, &'static str)>| {
                std::iter::once((System, "Be brief.")).chain(all.iter().copied()).collect()
            };
            let more: Vec<Vec<_>> = conversations.iter().map(instructed).collect();
            conversations.extend(more);
        }
        for conversation in conversations {
            if render(&conversation)? != turns.text(&conversation) {
                let words: Vec<_> = conversation.iter().map(|(role, _)| role.name()).collect();
                return Err(format!("it writes {} otherwise than their parts", words.join(", ")));
            }
        }
        // Ollama adds the token itself, as the file says.
        for begins in files.tokenizer.begins().iter().filter_map(|id| files.tokenizer.token(*id)) {
            for text in std::iter::once(&mut turns.begin).chain(turns.system.as_mut().map(|(open, _)| open)) {
                if let Some(rest) = text.strip_prefix(&begins) {
                    *text = rest.to_owned();
                }
            }
        }
        Ok(turns)
    }

    /// What [`Self::go`] writes for a conversation.
    fn text(&self, messages: &[(Role, &str)]) -> String {
        let (mut text, mut previous) = (String::new(), None);
        for (at, (role, content)) in messages.iter().enumerate() {
            match (role, &self.system) {
                (Role::System, Some((open, _))) => text += open,
                (Role::System, None) => continue,
                (Role::User, system) => {
                    text += match (previous, system) {
                        (None, _) => &self.begin,
                        (Some(Role::System), Some((_, to_user))) => to_user,
                        _ => &self.assistant_to_user,
                    }
                }
                _ => {}
            }
            text += content;
            if *role == Role::User {
                text += if at + 1 == messages.len() { &self.answer } else { &self.user_to_assistant };
            }
            previous = Some(*role);
        }
        text
    }

    /// The template in Go's language, over Ollama's list of messages. An answer at the end is continued.
    fn go(&self) -> String {
        let user_opening = match &self.system {
            Some((_, to_user)) => format!(
                "{{{{ if eq $previous \"\" }}}}{}{{{{ else if eq $previous \"system\" }}}}{}{{{{ else }}}}{}{{{{ end }}}}",
                literal(&self.begin),
                literal(to_user),
                literal(&self.assistant_to_user)
            ),
            None => format!(
                "{{{{ if eq $previous \"\" }}}}{}{{{{ else }}}}{}{{{{ end }}}}",
                literal(&self.begin),
                literal(&self.assistant_to_user)
            ),
        };
        let user_closing = if self.answer == self.user_to_assistant {
            literal(&self.answer)
        } else {
            format!(
                "{{{{ if eq (len (slice $.Messages $index)) 1 }}}}{}{{{{ else }}}}{}{{{{ end }}}}",
                literal(&self.answer),
                literal(&self.user_to_assistant)
            )
        };
        let system = self.system.as_ref().map_or_else(String::new, |(open, _)| {
            format!(
                "{{{{ else if eq $message.Role \"system\" }}}}{}{{{{ $message.Content }}}}{{{{ $previous = \"system\" }}}}",
                literal(open)
            )
        });
        format!(
            "{{{{ $previous := \"\" }}}}{{{{ range $index, $message := .Messages }}}}{{{{ if eq $message.Role \"user\" }}}}\
             {user_opening}{{{{ $message.Content }}}}{user_closing}{{{{ $previous = \"user\" }}}}\
             {{{{ else if eq $message.Role \"assistant\" }}}}{{{{ $message.Content }}}}{{{{ $previous = \"assistant\" }}}}\
             {system}{{{{ end }}}}{{{{ end }}}}"
        )
    }
}

/// An action that writes a text. JSON's escapes are Go's too, and keep line breaks and quotes from Ollama's parser, which also drops
/// what it cannot print.
fn literal(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let escaped = serde_json::Value::from(text).to_string();
    let escaped = escaped.chars().fold(String::new(), |mut all, character| {
        if character.is_ascii() {
            all.push(character);
        } else {
            let _ = write!(all, "\\U{:08x}", u32::from(character));
        }
        all
    });
    format!("{{{{ {escaped} }}}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_platform::{Yielder, block_on};
    use glasshouse_protocol::{TokenizerConfig, TokenizerKind};
    use glasshouse_text::tokenizer::Tokenizer;
    use serde_json::json;

    fn files(template: Option<&str>) -> TokenizerFiles {
        let config = TokenizerConfig {
            special_tokens: vec!["<|endoftext|>".to_owned()],
            ..TokenizerConfig::new(TokenizerKind::Byte, 256)
        };
        let tokenizer = block_on(Tokenizer::train(&config, ["x"], &Yielder::none())).unwrap();
        TokenizerFiles { chat_template: template.map(str::to_owned), ..TokenizerFiles::from(tokenizer) }
    }

    fn turns(template: &str) -> Result<ChatTurns, String> {
        ChatTurns::read(&files(Some(template)))
    }

    #[test]
    fn chatml_becomes_a_go_template_with_its_stop_strings() {
        let files = files(None).with_chatml().unwrap();
        let (text, notices) = modelfile("m.gguf", &files, 256);
        assert_eq!(notices, Vec::<String>::new());
        let first = "{{ if eq $previous \"\" }}{{ \"<|im_start|>user\\n\" }}{{ else if eq $previous \"system\" }}\
                     {{ \"<|im_end|>\\n<|im_start|>user\\n\" }}{{ else }}{{ \"<|im_end|>\\n<|im_start|>user\\n\" }}{{ end }}\
                     {{ $message.Content }}{{ \"<|im_end|>\\n<|im_start|>assistant\\n\" }}";
        assert!(text.contains(first), "{text}");
        assert!(
            text.starts_with(
                "# ollama create NAME -f \"m.gguf.Modelfile\"\nFROM ./m.gguf\nTEMPLATE \"\"\"{{"
            )
        );
        let rest = "PARAMETER num_ctx 256\nPARAMETER temperature 0.8\nPARAMETER top_k 0\nPARAMETER top_p 1\nPARAMETER min_p 0\n\
                    PARAMETER repeat_penalty 1\nPARAMETER stop \"<|im_end|>\"\n";
        assert!(text.ends_with(rest), "{text}");
    }

    #[test]
    fn a_template_is_translated_by_what_it_writes() {
        // Llama 2 writes the system's message into the user's first turn.
        let llama = "{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set system = '<<SYS>>\\n' + messages[0]['content'] \
                     + '\\n<</SYS>>\\n\\n' %}{% else %}{% set rest = messages %}{% set system = '' %}{% endif %}{% for m in rest %}\
                     {% if m['role'] == 'user' %}{{ '[INST] ' + (system if loop.first else '') + m['content'] + ' [/INST]' }}{% else %}\
                     {{ ' ' + m['content'] + ' </s>' }}{% endif %}{% endfor %}";
        let found = turns(llama).unwrap();
        assert_eq!(found.system, Some(("[INST] <<SYS>>\n".to_owned(), "\n<</SYS>>\n\n".to_owned())));
        assert_eq!((found.begin.as_str(), found.assistant_to_user.as_str()), ("[INST] ", " </s>[INST] "));
        // The last turn opens the answer otherwise than earlier ones.
        assert_eq!((found.user_to_assistant.as_str(), found.answer.as_str()), (" [/INST] ", " [/INST]"));
        assert!(
            found.go().contains("{{ if eq (len (slice $.Messages $index)) 1 }}{{ \" [/INST]\" }}{{ else }}")
        );
        // A default system message belongs to the start.
        let default = "{% if messages[0].role != 'system' %}S:Help.;{% endif %}{% for m in messages %}{{ m.role[0] }}:{{ m.content }};\
                       {% endfor %}a:";
        let found = turns(default).unwrap();
        assert_eq!(
            (found.begin.as_str(), &found.system),
            ("S:Help.;u:", &Some(("s:".to_owned(), ";u:".to_owned())))
        );
        // Templates may have no place for the system.
        let none = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('none') }}{% endif %}{{ m.content }}|{% endfor %}";
        assert_eq!(turns(none).unwrap().system, None);
        let (text, notices) = modelfile("m.gguf", &files(Some(none)), 8);
        assert!(notices[0].contains("no system message"), "{notices:?}");
        // Its turns end with no special token.
        assert!(text.ends_with("PARAMETER stop \"<|endoftext|>\"\nPARAMETER stop \"|\"\n"), "{text}");
    }

    #[test]
    fn what_cannot_be_translated_is_said() {
        for (template, said) in [
            ("{{ messages[-1].content }}", "leaves messages out"),
            (
                "{% for m in messages %}{{ loop.index }}{{ m.content }}{% endfor %}",
                "otherwise than their parts",
            ),
            ("{% for m in messages %}{{ m.content | upper }}{% endfor %}", "leaves messages out"),
            ("{{ unknown() }}", "unknown"),
            ("{{ raise_exception('no\nFROM other') }}", "no FROM other"),
        ] {
            let (text, notices) = modelfile("m.gguf", &files(Some(template)), 8);
            assert!(notices[0].contains(said), "{template}: {notices:?}");
            assert!(
                !text.contains("TEMPLATE \"\"\"") && text.contains("\n# the chat template cannot be"),
                "{text}"
            );
        }
        let (text, notices) = modelfile("m.gguf", &files(None), 8);
        assert!(
            text.contains("TEMPLATE \"\"\"{{ .Prompt }}\"\"\"\n") && notices.is_empty(),
            "{text} {notices:?}"
        );
    }

    #[test]
    fn an_imported_models_own_sampling_stays() {
        let mut files = files(None);
        files.generation = json!({ "temperature": 0.6, "top_k": 20 }).as_object().unwrap().clone();
        let (text, _) = modelfile("m.gguf", &files, 8);
        assert!(text.contains("temperature 0.6\nPARAMETER top_k 20\nPARAMETER top_p 1\n"), "{text}");
    }

    #[test]
    fn quotes_and_line_breaks_reach_ollama_unchanged() {
        assert_eq!(quoted("</s>"), "\"</s>\"");
        assert_eq!(quoted("\n\"user\""), "\"\"\"\n\"user\"\"\"\"");
        assert_eq!(literal("{{ \"x\" }}\n"), "{{ \"{{ \\\"x\\\" }}\\n\" }}");
        assert_eq!(literal("é\u{a0}"), "{{ \"\\U000000e9\\U000000a0\" }}");
        assert_eq!(literal(""), "");
    }
}
