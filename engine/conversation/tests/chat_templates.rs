//! Compares with transformers: chat templates must render to the same text, with the same assistant spans.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use glasshouse_conversation::template::{CHATML, SpecialTokens};
use glasshouse_conversation::{ChatTemplate, Conversation, Row, TemplateError};
use glasshouse_protocol::Objective;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

/// Known differences from transformers: template, with or without tools, and reason. They apply to all conversations.
const DIFFERS: &[(&str, bool, &str)] = &[
    ("CohereForAI-c4ai-command-r-plus-tool_use", false, LOOPS_OVER_NONE),
    ("NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", false, LOOPS_OVER_NONE),
    ("NousResearch-Hermes-3-Llama-3.1-8B-tool_use", false, LOOPS_OVER_NONE),
    (
        "llama-cpp-deepseek-r1",
        true,
        "Jinja2 refuses: what `map` gives is no list, which `tojson` wants; ours is a list once it is set",
    ),
    (
        "meetkai-functionary-medium-v3.1",
        true,
        "Jinja2 escapes for HTML what is added to text marked `safe`; ours marks nothing",
    ),
];
const LOOPS_OVER_NONE: &str =
    "Jinja2 refuses: the template loops over tools, which are none; ours loops over nothing";

fn differs(template: &str, case: &Case) -> bool {
    DIFFERS.iter().any(|(own, tools, _)| *own == template && *tools == case.conversation.tools.is_some())
}

/// A file downloaded by `tests/run` (`GLASSHOUSE_CACHE`, else `~/.cache/glasshouse`).
fn cache(path: &str) -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/glasshouse");
    std::env::var_os("GLASSHOUSE_CACHE").map_or_else(home, PathBuf::from).join(path)
}

fn templates() -> BTreeMap<String, String> {
    let mut templates = BTreeMap::from([("ChatML (ours)".to_owned(), CHATML.to_owned())]);
    for entry in std::fs::read_dir(cache("templates")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        templates.insert(name, std::fs::read_to_string(&path).unwrap());
    }
    assert!(templates.len() > 70, "{}", templates.len());
    templates
}

/// Conversations by name; each is rendered with and without tools, and without its last reply but with a generation prompt.
fn conversations() -> Vec<(&'static str, Json)> {
    let user = |text: &str| json!({ "role": "user", "content": text });
    let assistant = |text: &str| json!({ "role": "assistant", "content": text });
    let system = json!({ "role": "system", "content": "Answer in one sentence." });
    let call = json!({
        "role": "assistant",
        "content": "",
        "tool_calls": [{
            "id": "call_0001",
            "type": "function",
            "function": { "name": "temperature", "arguments": { "city": "Zürich", "days": 2, "exact": true } },
        }],
    });
    let answer = json!({ "role": "tool", "name": "temperature", "tool_call_id": "call_0001", "content": "{\"celsius\": 4.5}" });
    vec![
        ("plain", json!([user("What is a lens?"), assistant("Glass that bends light.")])),
        ("system", json!([system, user("What is a lens?"), assistant("Glass that bends light.")])),
        (
            "turns",
            json!([
                system,
                user("  <b>Hello</b> & \"welcome\"\n"),
                assistant("Grüezi! 日本 🙂\n\nHow can I help?"),
                user("What is 2 + 2?"),
                assistant("4"),
                user("And 3 + 3?"),
                assistant("6 "),
            ]),
        ),
        (
            "thought",
            json!([
                user("What is 2 + 2?"),
                assistant("<think>\nTwo and two.\n</think>\n\n4"),
                user("And 3 + 3?"),
                assistant("<think>\nThree and three.\n</think>\n\n6"),
            ]),
        ),
        ("called", json!([user("How warm is it?"), call, answer, assistant("It has 4.5 °C.")])),
    ]
}

struct Case {
    name: String,
    conversation: Conversation,
    add_generation_prompt: bool,
    json: Json,
}

fn cases() -> Vec<Case> {
    let tools = json!([
        {
            "type": "function",
            "function": {
                "name": "temperature",
                "description": "Says how warm it is, in \"°C\" & <F>.",
                "parameters": {
                    "type": "object",
                    "properties": {
                        "city": { "type": "string", "description": "Where" },
                        "days": { "type": "integer", "description": "When", "enum": [0, 1, 2] },
                    },
                    "required": ["city"],
                },
            },
        },
        {
            "type": "function",
            "function": {
                "name": "now",
                "description": "Says what time it is.",
                "parameters": { "type": "object", "properties": {}, "required": [] },
            },
        },
    ]);
    let mut cases = Vec::new();
    for (name, messages) in conversations() {
        for tools in [Json::Null, tools.clone()] {
            for add_generation_prompt in [false, true] {
                let mut messages = messages.as_array().unwrap().clone();
                if add_generation_prompt {
                    messages.pop();
                }
                let row = json!({ "messages": messages, "tools": tools }).to_string();
                let conversation: Conversation = match Row::read(&row, Objective::Chat) {
                    Ok(Row::Conversation { conversation, .. }) => conversation,
                    // A prompt without an answer is not a row.
                    _ => serde_json::from_str(&row).unwrap(),
                };
                let with = if tools.is_null() { "" } else { ", tools" };
                let prompt = if add_generation_prompt { ", prompt" } else { "" };
                cases.push(Case {
                    name: format!("{name}{with}{prompt}"),
                    conversation,
                    add_generation_prompt,
                    json: json!({
                        "messages": messages,
                        "tools": tools,
                        "add_generation_prompt": add_generation_prompt,
                    }),
                });
            }
        }
    }
    cases
}

/// The first difference of two texts, or the errors.
fn apart(theirs: Option<&str>, ours: &Result<String, TemplateError>, error: &Json) -> String {
    match (theirs, ours) {
        (Some(theirs), Ok(ours)) => {
            let same = theirs.chars().zip(ours.chars()).take_while(|(left, right)| left == right).count();
            let part = |text: &str| text.chars().skip(same.saturating_sub(20)).take(60).collect::<String>();
            format!("theirs {:?}, ours {:?}", part(theirs), part(ours))
        }
        (Some(_), Err(ours)) => format!("ours fails: {ours}"),
        (None, _) => format!("theirs fails: {error}"),
    }
}

#[test]
fn slow_chat_templates_equal_transformers() {
    let (templates, cases) = (templates(), cases());
    let folder = tempfile::tempdir().unwrap();
    let request = folder.path().join("request.json");
    let specials = json!({ "bos_token": "<s>", "eos_token": "</s>" });
    let asked: Vec<&Json> = cases.iter().map(|case| &case.json).collect();
    let json = json!({ "templates": templates, "cases": asked, "specials": specials });
    std::fs::write(&request, json.to_string()).unwrap();
    let python =
        std::env::var_os("GLASSHOUSE_PYTHON").map_or_else(|| cache("venv/bin/python"), PathBuf::from);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python/render_chat_templates.py");
    let output = Command::new(python).arg(script).arg(&request).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected: Json = serde_json::from_slice(&output.stdout).unwrap();

    let specials = SpecialTokens::from_settings(specials.as_object().unwrap());
    let (mut new, mut differing) = (0, 0);
    let (mut alike, mut refused, mut tagged, mut told, mut untold) = (0, 0, 0, 0, 0);
    for (name, source) in &templates {
        let template = ChatTemplate::compile(source, specials.clone());
        let results = expected["results"][name].as_array().unwrap();
        for (case, expected) in cases.iter().zip(results) {
            let ours =
                template.clone().and_then(|own| own.text(&case.conversation, case.add_generation_prompt));
            match (expected["text"].as_str(), &ours) {
                (Some(text), Ok(ours)) if text == ours => alike += 1,
                (None, Err(_)) => refused += 1,
                (text, _) => {
                    differing += 1;
                    if !differs(name, case) {
                        new += 1;
                        println!("{name}, {}: {}", case.name, apart(text, &ours, &expected["error"]));
                    }
                    continue;
                }
            }
            let (Ok(template), Ok(text), false) = (&template, &ours, case.add_generation_prompt) else {
                continue;
            };
            match template.render(&case.conversation) {
                Ok(rendered) if rendered.has_generation_tags => {
                    let bytes: Vec<usize> =
                        text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
                    let spans = expected["spans"].as_array().unwrap().iter();
                    let at = |value: &Json| bytes[value.as_u64().unwrap() as usize];
                    let spans: Vec<_> = spans
                        .map(|span| at(&span[0])..at(&span[1]))
                        .filter(|span| !span.is_empty())
                        .collect();
                    assert_eq!(rendered.assistant, spans, "{name}, {}", case.name);
                    tagged += 1;
                }
                Ok(rendered) => {
                    assert_eq!(&rendered.text, text);
                    // The last reply and its end token are in the last span.
                    let last = case.conversation.messages.last().unwrap().content.trim();
                    let span = &text[rendered.assistant.last().unwrap().clone()];
                    let visible = last.rsplit("</think>").next().unwrap().trim();
                    assert!(span.contains(visible), "{name}, {}: {span:?}", case.name);
                    told += 1;
                }
                Err(TemplateError::Spans { .. }) => {
                    untold += 1;
                    println!("{name}, {}: spans are not told", case.name);
                }
                Err(error) => panic!("{name}, {}: {error}", case.name),
            }
        }
    }
    println!(
        "transformers {}: {alike} texts alike, {refused} refused by both, {} differ; spans: {tagged} alike by tags, {told} by \
         prefixes, {untold} not told",
        expected["version"], differing
    );
    assert_eq!(new, 0, "differ, and are not listed");
    let listed = templates.keys().flat_map(|name| cases.iter().filter(|case| differs(name, case))).count();
    assert_eq!(differing, listed, "are listed, and agree");
    assert!(alike > 1000 && tagged > 40 && told > 400);
}
