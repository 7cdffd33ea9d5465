//! Converts rows to training examples.

use crate::{ChatTemplate, Conversation, Preference, Role, Row, RowWithNotes, TRAIN, WEIGHT};
use glasshouse_protocol::{ChatExample, Objective};
use std::collections::BTreeSet;

/// Converts a line of JSON Lines in any format of [`crate::rows`] to text and the spans that an objective trains on: assistant
/// messages with their end tokens as rendered by the template (without those of a `prompt`), a completion, or the whole of a
/// plain text. A preference becomes its better answer together with the worse one; only the answers are trained on. Fields that
/// neither the row's format nor the template reads are listed. Fails if the line is invalid (the error includes the field's
/// path), or the template rejects the conversation.
pub fn example(line: &str, objective: Objective, template: &ChatTemplate) -> Result<ChatExample, String> {
    let read = RowWithNotes::read(line, objective)?;
    let mut example = of_row(read.row, template)?;
    example.unread.splice(0..0, read.unread);
    Ok(ChatExample { label: read.label, ..example })
}

fn of_row(row: Row, template: &ChatTemplate) -> Result<ChatExample, String> {
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

/// A conversation whose first `prompt` messages are context only.
fn replies(
    conversation: &Conversation,
    prompt: usize,
    template: &ChatTemplate,
) -> Result<ChatExample, String> {
    let rendered = template.render_completion(conversation, prompt).map_err(|error| error.to_string())?;
    if rendered.assistant.is_empty() {
        return Err("nothing to learn: every assistant message has `weight`: 0 or `train`: false".to_owned());
    }
    let asked = conversation.messages.iter().find(|message| message.role == Role::User);
    let prompt = asked.map(|message| message.content.clone());
    let unread = unread_of_messages(conversation, template);
    Ok(ChatExample {
        text: rendered.text,
        learned: rendered.assistant,
        prompt,
        unread,
        ..ChatExample::default()
    })
}

/// Message fields that the template does not read.
fn unread_of_messages(conversation: &Conversation, template: &ChatTemplate) -> Vec<String> {
    let read =
        |key: &str| [&[WEIGHT], &TRAIN[..]].concat().contains(&key) || asks_messages(template.source(), key);
    let keys = conversation.messages.iter().flat_map(|message| message.fields.keys());
    let unread: BTreeSet<&String> = keys.filter(|key| !read(key)).collect();
    unread.into_iter().map(|key| format!("{key} of messages")).collect()
}

/// Whether a template reads a field of messages (`message.name` or `'name' in message`), as opposed to a field of a tool
/// (`tool.name`, `call.function.name`) or a field name in its output.
fn asks_messages(source: &str, key: &str) -> bool {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let last_word = |text: &str| -> String {
        let text = text.trim_end();
        text.split_at(text.trim_end_matches(is_word).len()).1.to_owned()
    };
    // Variables for a tool, a call or its function.
    let is_tool = |name: &str| {
        let bound = |word: &str, by: &str| {
            source.match_indices(word).any(|(at, _)| {
                let rest = source.split_at(at + word.len()).1;
                let (statement, _) = rest.split_once("%}").unwrap_or((rest, ""));
                statement.split_once(by).is_some_and(|(own, of)| {
                    own.trim() == name && (of.contains("tool") || of.trim().ends_with(".function"))
                })
            })
        };
        matches!(name, "tool" | "function") || bound("for ", " in ") || bound("set ", "=")
    };
    source.match_indices(key).any(|(at, _)| {
        let (before, rest) = source.split_at(at);
        let after = rest.split_at(key.len()).1;
        if before.ends_with(is_word) || after.starts_with(is_word) {
            return false;
        }
        if let Some(object) = before.strip_suffix('.') {
            return !is_tool(&last_word(object));
        }
        let Some(quoted) = before.strip_suffix(['\'', '"']) else { return false };
        match quoted.trim_end().strip_suffix('[') {
            Some(object) => !is_tool(&last_word(object)),
            // A field name in the output is followed by a colon.
            None => !after.trim_start_matches(['\'', '"', '\\']).trim_start().starts_with(':'),
        }
    })
}

/// Raw text, trained on after the given part.
fn raw(given: &str, learned: &str) -> ChatExample {
    let prompt = Some(given.to_owned()).filter(|given| !given.is_empty());
    let text = [given, learned].concat();
    let learned = std::iter::once(given.len()..text.len()).collect();
    ChatExample { text, learned, raw: true, prompt, ..ChatExample::default() }
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
    fn a_thumb_down_is_a_row_of_preferences_alone() {
        let line = |label: &str| format!(r#"{{"prompt":"a","completion":"b","label":{label}}}"#);
        let of = |label: &str, objective| example(&line(label), objective, &ChatTemplate::chatml().unwrap());
        for (label, said) in
            [("true", Some(true)), ("false", Some(false)), ("0", Some(false)), ("null", None)]
        {
            assert_eq!(of(label, Objective::Preference).unwrap().label, said);
        }
        for label in ["false", "0"] {
            assert!(of(label, Objective::Chat).unwrap_err().contains("loss=kto"));
        }
        // Another kind of label is not a rating, and valid for other objectives.
        assert!(of("\"good\"", Objective::Chat).is_ok());
        assert!(
            of("\"good\"", Objective::Preference).unwrap_err().contains("`label`: expected true or false")
        );
    }

    #[test]
    fn messages_that_are_marked_are_given_and_not_learned() {
        let of = |mark: &str| {
            let said = |role: &str, text: &str, more: &str| {
                format!(r#"{{"role":"{role}","content":"{text}"{more}}}"#)
            };
            let messages = [
                said("user", "a", ""),
                said("assistant", "b", mark),
                said("user", "c", ""),
                said("assistant", "d", ""),
            ];
            learned(&format!(r#"{{"messages":[{}]}}"#, messages.join(",")))
        };
        for mark in [r#","weight":0"#, r#","weight":0.0"#, r#","train":false"#, r#","training":false"#] {
            assert_eq!(of(mark), ["d<|im_end|>"], "{mark}");
        }
        for mark in ["", r#","weight":1"#, r#","train":true"#, r#","weight":null"#] {
            assert_eq!(of(mark), ["b<|im_end|>", "d<|im_end|>"], "{mark}");
        }
        let turns = r#"[{"from":"human","value":"a"},{"from":"gpt","value":"b","train":false},{"from":"human","value":"c"},{"from":"gpt","value":"d"}]"#;
        assert_eq!(learned(&format!(r#"{{"conversations":{turns}}}"#)), ["d<|im_end|>"]);
        // The same with the template's own tags.
        let tagged = ChatTemplate::compile(
            "{% for m in messages %}{{ m.role }}:{% if m.role == 'assistant' %}{% generation %}{{ m.content }};{% endgeneration %}{% else %}{{ m.content }};{% endif %}{% endfor %}",
            crate::SpecialTokens::default(),
        );
        let line = r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","weight":0},{"role":"user","content":"c"},{"role":"assistant","content":"d"}]}"#;
        let found = example(line, Objective::Chat, &tagged.unwrap()).unwrap();
        assert_eq!(found.learned.iter().map(|range| &found.text[range.clone()]).collect::<Vec<_>>(), ["d;"]);
        // The same for a better and a worse answer.
        let pair = r#"{"prompt":"a","chosen":[{"role":"assistant","content":"b","weight":0}],"rejected":[{"role":"assistant","content":"c"}]}"#;
        let reason = example(pair, Objective::Preference, &ChatTemplate::chatml().unwrap()).unwrap_err();
        assert!(reason.contains("`weight`: 0"), "{reason}");
    }

    #[test]
    fn marks_that_cannot_be_kept_are_refused_by_their_field() {
        let of = |first: &str, second: &str| {
            let line = format!(
                r#"{{"messages":[{{"role":"user","content":"a"{first}}},{{"role":"assistant","content":"b"{second}}}]}}"#
            );
            example(&line, Objective::Chat, &ChatTemplate::chatml().unwrap()).unwrap_err()
        };
        for (first, second, field) in [
            ("", r#","weight":0.5"#, "`messages[1].weight`"),
            ("", r#","train":"no""#, "`messages[1].train`"),
            (r#","train":true"#, "", "`messages[0].train`"),
            ("", r#","train_detail":[]"#, "`messages[1].train_detail`"),
            ("", r#","weight":0"#, "`weight`: 0"),
        ] {
            let reason = of(first, second);
            assert!(reason.contains(field), "{reason}");
        }
    }

    #[test]
    fn fields_that_nothing_reads_are_listed() {
        let unread = |line: &str, objective: Objective| {
            example(line, objective, &ChatTemplate::chatml().unwrap()).unwrap().unread
        };
        let line = r#"{"messages":[{"role":"user","content":"a","mood":"sad"},{"role":"assistant","content":"b","weight":1}],"source":"x","id":3,"level":null}"#;
        assert_eq!(unread(line, Objective::Chat), ["source", "mood of messages"]);
        let line = r#"{"prompt":"a","chosen":"b","rejected":"c","score_chosen":3,"messages":[]}"#;
        assert_eq!(unread(line, Objective::Preference), ["score_chosen", "messages"]);
        assert_eq!(
            unread(r#"{"instruction":"a","input":"b","output":"c","text":"d"}"#, Objective::Chat),
            ["text"]
        );
        assert_eq!(unread(r#"{"prompt":"a","completion":"b","label":true}"#, Objective::Chat), [""; 0]);
    }

    #[test]
    fn a_tools_name_is_no_messages() {
        let tools = r#"{% for tool in tools %}{{ tool.name }}{{ tool['name'] }}{% endfor %}{"name": "x", \"name\": 1}
            {% for m in messages %}{% for call in m.tool_calls %}{% set call = call.function %}{{ call.name }}
            {{ m.tool_calls[0].function.name }}{% endfor %}{{ m.content }}{{ m.names }}{% endfor %}"#;
        assert!(!asks_messages(tools, "name") && asks_messages(tools, "tool_calls"));
        for asked in [
            "{{ m.name }}",
            "{{ m['name'] }}",
            "{% if 'name' in m %}",
            "{{ m.get('name') }}",
            "{{ messages[0].name }}",
        ] {
            assert!(asks_messages(&format!("{tools}{asked}"), "name"), "{asked}");
        }
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
