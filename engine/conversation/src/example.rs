//! A row as fine-tuning takes it.

use crate::{ChatTemplate, Conversation, Preference, Role, Row};
use glasshouse_protocol::{ChatExample, Objective};

/// The text of a line of JSON Lines in any of the formats of [`crate::rows`], and what an objective learns of it: the assistant's messages with the
/// tokens that end them, as a template writes them, but for those of a `prompt`; a completion; all of a plain text. A preference is its
/// better answer, with the worse one beside it; of both the answers alone are learned.
///
/// # Errors
/// What is wrong with the line, with the field's path; or the template refuses the conversation.
pub fn example(line: &str, objective: Objective, template: &ChatTemplate) -> Result<ChatExample, String> {
    let row = Row::read(line, objective).map_err(|error| error.to_string())?;
    match row {
        Row::Text(text) => Ok(raw("", &text)),
        Row::Completion { prompt, completion } => Ok(raw(&prompt, &completion)),
        Row::Preference(preference) => {
            let [chosen, rejected] = match preference {
                Preference::Text { prompt, chosen, rejected } => {
                    [chosen, rejected].map(|answer| raw(&prompt, &answer))
                }
                Preference::Messages { .. } => {
                    let (chosen, rejected, prompt) = preference.conversations().unwrap_or_default();
                    [replies(&chosen, prompt, template)?, replies(&rejected, prompt, template)?]
                }
            };
            Ok(ChatExample { rejected: Some(Box::new(rejected)), ..chosen })
        }
        Row::Conversation { conversation, prompt } => replies(&conversation, prompt, template),
    }
}

/// A conversation whose first messages are only given.
fn replies(
    conversation: &Conversation,
    prompt: usize,
    template: &ChatTemplate,
) -> Result<ChatExample, String> {
    let completion = template.render_completion(conversation, prompt);
    let rendered = completion.map_err(|error| error.to_string())?.rendered;
    let asked = conversation.messages.iter().find(|message| message.role == Role::User);
    let prompt = asked.map(|message| message.content.clone());
    Ok(ChatExample { text: rendered.text, learned: rendered.assistant, prompt, ..ChatExample::default() })
}

/// Text without a template, learned from where what is given ends.
fn raw(given: &str, learned: &str) -> ChatExample {
    let prompt = Some(given.to_owned()).filter(|given| !given.is_empty());
    let text = [given, learned].concat();
    let learned = std::iter::once(given.len()..text.len()).collect();
    ChatExample { text, learned, raw: true, prompt, rejected: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(line: &str) -> Vec<String> {
        let example = example(line, Objective::Chat, &ChatTemplate::chatml().unwrap()).unwrap();
        example.learned.iter().map(|range| example.text[range.clone()].to_owned()).collect()
    }

    #[test]
    fn the_answers_of_every_format_are_learned() {
        let turns = r#"[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":"d"}]"#;
        assert_eq!(learned(&format!(r#"{{"messages":{turns}}}"#)), ["b<|im_end|>", "d<|im_end|>"]);
        assert_eq!(learned(r#"{"instruction":"a","output":"b"}"#), ["b<|im_end|>"]);
        assert_eq!(
            learned(r#"{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}"#),
            ["b<|im_end|>"]
        );
        assert_eq!(learned(r#"{"prompt":"2 + 2 =","completion":" 4"}"#), [" 4"]);
        assert_eq!(learned(r#"{"text":"Once upon a time"}"#), ["Once upon a time"]);
        let prompt = r#"[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]"#;
        let line = format!(r#"{{"prompt":{prompt},"completion":[{{"role":"assistant","content":"d"}}]}}"#);
        assert_eq!(learned(&line), ["d<|im_end|>"], "replies of the prompt are given");
    }

    #[test]
    fn of_a_preference_both_answers_are_learned() {
        let of = |line: &str| {
            let chosen = example(line, Objective::Preference, &ChatTemplate::chatml().unwrap()).unwrap();
            let rejected = chosen.rejected.clone().unwrap();
            [chosen, *rejected].map(|answer| {
                let learned = answer.learned.iter().map(|range| answer.text[range.clone()].to_owned());
                (learned.collect::<Vec<_>>(), answer.text)
            })
        };
        let [chosen, rejected] = of(r#"{"prompt":"2 + 2 =","chosen":" 4","rejected":" 5"}"#);
        assert_eq!((&chosen.0[0][..], &chosen.1[..]), (" 4", "2 + 2 = 4"));
        assert_eq!((&rejected.0[0][..], &rejected.1[..]), (" 5", "2 + 2 = 5"));
        let user = r#"{"role":"user","content":"a"}"#;
        let answer = |text: &str| format!(r#"{{"role":"assistant","content":"{text}"}}"#);
        let (good, bad) = (answer("b"), answer("c"));
        let explicit = of(&format!(r#"{{"prompt":[{user}],"chosen":[{good}],"rejected":[{bad}]}}"#));
        let implicit = of(&format!(r#"{{"chosen":[{user},{good}],"rejected":[{user},{bad}]}}"#));
        assert_eq!(explicit, implicit);
        assert_eq!(explicit.map(|(learned, _)| learned), [["b<|im_end|>"], ["c<|im_end|>"]]);
    }

    #[test]
    fn what_is_no_example_is_refused_by_its_field() {
        let template = ChatTemplate::chatml().unwrap();
        for (line, said) in [
            ("{", "not JSON"),
            (r#"{"chosen":"a","rejected":"a","prompt":"c"}"#, "`chosen` and `rejected` are equal"),
            (r#"{"chosen":" ","rejected":"a","prompt":"c"}"#, "`chosen`"),
            (r#"{"messages":[{"role":"narrator","content":"a"}]}"#, "`messages[0].role`: unknown role"),
        ] {
            let reason = example(line, Objective::Preference, &template).unwrap_err();
            assert!(reason.contains(said), "{reason}");
        }
    }
}
