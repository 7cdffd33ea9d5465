use super::*;
use proptest::prelude::*;
use serde_json::json;

fn said(row: &Value) -> String {
    Row::read(&row.to_string(), Objective::Chat).unwrap_err()
}

fn read(row: &Value) -> Row {
    read_for(row, Objective::Chat)
}

fn read_for(row: &Value, objective: Objective) -> Row {
    Row::read(&row.to_string(), objective).unwrap()
}

fn turns(row: &Row) -> Vec<(&'static str, &str)> {
    let Row::Conversation { conversation, .. } = row else { panic!("{row:?}") };
    conversation.messages.iter().map(|message| (message.role.name(), message.content.as_str())).collect()
}

fn user(text: &str) -> Value {
    json!({ "role": "user", "content": text })
}

fn assistant(text: &str) -> Value {
    json!({ "role": "assistant", "content": text })
}

#[test]
fn calls_of_known_tools_are_separated_from_the_text() {
    let called = |answer: &str| {
        let (text, calls) = tool_calls(answer, &["now".to_owned(), "add".to_owned()]);
        let calls = calls.iter().map(|function| {
            format!("{}{}", function["name"].as_str().unwrap(), function["arguments"].as_str().unwrap())
        });
        (text, calls.collect::<Vec<_>>().join(" "))
    };
    let now = r#"{"name": "now", "arguments": {}}"#;
    let add = r#"{"name": "add", "parameters": {"a": 1}}"#;
    for (answer, text, calls) in [
        (
            format!("So:\n<tool_call>\n{now}\n</tool_call>\n<tool_call>{add}</tool_call>"),
            "So:",
            r#"now{} add{"a":1}"#,
        ),
        (add.to_owned(), "", r#"add{"a":1}"#),
        (format!(" [{now}, {add}]"), "", r#"now{} add{"a":1}"#),
        (format!("<tool_call>{now}"), "", "now{}"),
    ] {
        assert_eq!(called(&answer), (text.to_owned(), calls.to_owned()), "{answer}");
    }
    for plain in [
        "Hi ",
        "[]",
        r#"{"name": "rm", "arguments": {}}"#,
        "a <tool_call>b</tool_call> c",
        r#"{"name": "now"}"#,
    ] {
        assert_eq!(called(plain), (plain.to_owned(), String::new()));
    }
}

#[test]
fn messages_are_read() {
    let row = read(&json!({
        "messages": [{ "role": "developer", "content": "Be brief." }, user("Hi"), assistant("Hello")],
        "id": 7,
        "prompt": "Hi",
    }));
    assert_eq!(turns(&row), [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello")]);
    let tools = json!([{ "type": "function", "function": { "name": "now" } }]);
    let calls = json!([{ "function": { "name": "now", "arguments": {} } }]);
    let Row::Conversation { conversation, prompt: 0 } = read(&json!({
        "messages": [
            { "role": "user", "content": [{ "type": "text", "text": "What " }, { "type": "text", "text": "time?" }], "name": null },
            { "role": "assistant", "content": null, "tool_calls": calls },
            { "role": "tool", "content": "noon", "name": "now" },
            assistant("Noon."),
        ],
        "tools": tools,
    })) else {
        panic!()
    };
    assert_eq!(conversation.tools, Some(tools));
    assert_eq!(conversation.messages[0], Message::new(Role::User, "What time?"));
    assert_eq!(conversation.messages[1].fields["tool_calls"], calls);
    assert_eq!(conversation.messages[2].fields["name"], "now");
    // OpenAI's older form.
    let call = json!({ "name": "now", "arguments": "{}" });
    let row = json!({ "messages": [user("Time?"), { "role": "assistant", "content": null, "function_call": call }] });
    let Row::Conversation { conversation, .. } = read(&row) else { panic!("a conversation") };
    assert_eq!(
        conversation.messages[1].fields["tool_calls"],
        json!([{ "type": "function", "function": { "name": "now", "arguments": "{}" } }])
    );
    assert!(
        conversation.messages[1].fields.contains_key("tool_calls")
            && conversation.messages[1].content.is_empty()
    );
}

#[test]
fn sharegpt_and_alpaca_are_read() {
    let row = json!({
        "system": "Be brief.",
        "conversations": [{ "from": "human", "value": "Hi" }, { "from": "gpt", "value": "Hello" }],
    });
    assert_eq!(turns(&read(&row)), [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello")]);
    let row = json!({ "instruction": "Translate.", "input": "Hund", "output": "dog", "history": [] });
    assert_eq!(turns(&read(&row)), [("user", "Translate.\n\nHund"), ("assistant", "dog")]);
    let row = json!({ "instruction": "Say dog.", "input": "", "output": "dog" });
    assert_eq!(turns(&read(&row)), [("user", "Say dog."), ("assistant", "dog")]);
    // Dolly, GSM8K and OpenOrca.
    let dolly =
        json!({ "instruction": "Who?", "context": "Ada wrote.", "response": "Ada.", "category": "qa" });
    assert_eq!(turns(&read(&dolly)), [("user", "Who?\n\nAda wrote."), ("assistant", "Ada.")]);
    assert_eq!(RowWithNotes::read(&dolly.to_string(), Objective::Chat).unwrap().unread, ["category"]);
    let math = json!({ "question": "1 + 1?", "answer": "2" });
    assert_eq!(turns(&read(&math)), [("user", "1 + 1?"), ("assistant", "2")]);
    let orca = json!({ "system_prompt": "Be brief.", "question": "Why?", "response": "So." });
    assert_eq!(turns(&read(&orca)), [("system", "Be brief."), ("user", "Why?"), ("assistant", "So.")]);
    let page = json!({ "text": "A page.", "question": "Why?", "answer": "So." });
    assert_eq!(read(&page), Row::Text("A page.".to_owned()));
}

#[test]
fn of_several_formats_the_objective_takes_its_own() {
    // Alpaca as published, with the prompt generated from its fields.
    let alpaca = json!({ "instruction": "Say dog.", "input": "", "output": "dog", "text": "Below …" });
    assert_eq!(turns(&read(&alpaca)), [("user", "Say dog."), ("assistant", "dog")]);
    // UltraFeedback's pairs, with the conversation of the better answer.
    let pair = json!({
        "prompt": "a",
        "chosen": [user("a"), assistant("b")],
        "rejected": [user("a"), assistant("c")],
        "messages": [user("a"), assistant("b")],
    });
    assert_eq!(turns(&read(&pair)), [("user", "a"), ("assistant", "b")]);
    assert!(matches!(read_for(&pair, Objective::Preference), Row::Preference(_)));
    let all = json!({
        "messages": [user("m"), assistant("n")],
        "conversations": [{ "from": "human", "value": "s" }, { "from": "gpt", "value": "t" }],
        "instruction": "i",
        "output": "o",
        "prompt": "p",
        "completion": "c",
        "text": "x",
    });
    let mut left = all.as_object().unwrap().clone();
    for (key, asked) in [("messages", "m"), ("conversations", "s"), ("instruction", "i")] {
        assert_eq!(turns(&read(&left.clone().into()))[0].1, asked);
        left.remove(key);
    }
    assert!(matches!(read(&left.clone().into()), Row::Completion { .. }));
    left.remove("completion");
    assert_eq!(read(&left.into()), Row::Text("x".to_owned()), "an `output` without its `instruction`");
    // Columnar data sets have every column in every row.
    let row = json!({ "messages": null, "prompt": null, "text": "x" });
    assert_eq!(read(&row), Row::Text("x".to_owned()));
}

#[test]
fn of_thumbs_those_that_are_up_are_learned() {
    let row = |label: bool| json!({ "prompt": "a", "completion": "b", "label": label });
    let learned = Row::Completion { prompt: "a".to_owned(), completion: "b".to_owned() };
    assert_eq!(read(&row(true)), learned);
    let reason = said(&row(false));
    assert!(reason.starts_with("`label`: false") && reason.contains("objective preference"), "{reason}");
    let row = json!({ "prompt": [user("a")], "completion": [assistant("b")], "label": true });
    assert!(matches!(read(&row), Row::Conversation { prompt: 1, .. }));
}

#[test]
fn completions_are_text_or_messages() {
    assert_eq!(
        read(&json!({ "prompt": "2 + 2 =", "completion": " 4" })),
        Row::Completion { prompt: "2 + 2 =".to_owned(), completion: " 4".to_owned() }
    );
    let asked = json!([user("a"), assistant("b"), user("c")]);
    let row = read(&json!({ "prompt": asked, "completion": [assistant("d")] }));
    assert!(matches!(row, Row::Conversation { prompt: 3, .. }), "{row:?}");
    let row = read(&json!({ "prompt": "a", "completion": [assistant("b")] }));
    assert!(matches!(row, Row::Conversation { prompt: 1, .. }), "{row:?}");
    assert_eq!(turns(&row), [("user", "a"), ("assistant", "b")]);
}

#[test]
fn preferences_are_read_and_prompts_extracted() {
    let text = |prompt: &str, chosen: &str, rejected: &str| {
        let [prompt, chosen, rejected] = [prompt, chosen, rejected].map(str::to_owned);
        Row::Preference(Preference::Text { prompt, chosen, rejected })
    };
    let row = json!({ "prompt": "The sky is", "chosen": " blue.", "rejected": " green." });
    assert_eq!(read(&row), text("The sky is", " blue.", " green."));
    // As in TRL's `extract_prompt`, the space stays with the answers.
    let row = json!({ "chosen": "The sky is blue.", "rejected": "The sky is green." });
    assert_eq!(read(&row), text("The sky is", " blue.", " green."));
    let row = json!({ "chosen": "Grüezi", "rejected": "Grüezi mitenand" });
    assert_eq!(read(&row), text("Grüez", "i", "i mitenand"));
    let messages = |prompt: &[Value], chosen: &[Value], rejected: &[Value]| {
        let of = |list: &[Value]| messages(&json!(list), "").unwrap();
        let prompt = Conversation::new(of(prompt));
        Row::Preference(Preference::Messages { prompt, chosen: of(chosen), rejected: of(rejected) })
    };
    let expected = messages(&[user("a")], &[assistant("b")], &[assistant("c")]);
    for row in [
        json!({ "prompt": [user("a")], "chosen": [assistant("b")], "rejected": [assistant("c")] }),
        json!({ "prompt": "a", "chosen": [assistant("b")], "rejected": [assistant("c")] }),
        json!({ "chosen": [user("a"), assistant("b")], "rejected": [user("a"), assistant("c")] }),
        json!({ "prompt": "a", "chosen": [user("a"), assistant("b")], "rejected": [user("a"), assistant("c")] }),
    ] {
        assert_eq!(read(&row), expected, "{row}");
    }
    let Row::Preference(preference) = expected else { panic!() };
    let (chosen, rejected, prompt) = preference.conversations().unwrap();
    assert_eq!(
        (chosen.messages[1].content.as_str(), rejected.messages[1].content.as_str(), prompt),
        ("b", "c", 1)
    );
}

#[test]
fn what_is_wrong_is_said_with_its_field() {
    for (row, expected) in [
        (json!([]), "expected a JSON object, found a list"),
        (
            json!({ "question": 1 }),
            "unknown format with the keys [question]; known formats have `messages`, `conversations` (ShareGPT), `instruction` and \
             `output` (Alpaca), `chosen` and `rejected`, `prompt` and `completion`, or `text`",
        ),
        (
            json!({ "prompt": "a" }),
            "`prompt` has no answer: expected `completion`, or `chosen` and `rejected`",
        ),
        (json!({ "text": 1 }), "`text`: expected a string, found a number"),
        (json!({ "text": " " }), "`text`: empty"),
        (json!({ "messages": {} }), "`messages`: expected a list of messages, found an object"),
        (json!({ "messages": [] }), "`messages`: expected at least one message"),
        (
            json!({ "messages": ["a"] }),
            "`messages[0]`: expected an object with `role` and `content`, found a string",
        ),
        (json!({ "messages": [{ "content": "a" }] }), "`messages[0].role`: missing"),
        (json!({ "messages": [{ "role": "user" }] }), "`messages[0].content`: missing"),
        (json!({ "messages": [{ "role": "user", "content": null }] }), "`messages[0].content`: missing"),
        (
            json!({ "messages": [user("a"), { "role": "bot", "content": "b" }] }),
            "`messages[1].role`: unknown role \"bot\"; known: system (developer), user, assistant, tool (function)",
        ),
        (
            json!({ "messages": [user("a"), { "role": "assistant", "content": 4 }] }),
            "`messages[1].content`: expected a string, found a number",
        ),
        (
            json!({ "messages": [{ "role": "user", "content": [{ "type": "image", "url": "" }] }] }),
            "`messages[0].content[0].type`: content of type \"image\" is not supported",
        ),
        (
            json!({ "messages": [user("a"), assistant(" ")] }),
            "`messages[1].content`: the assistant message is empty",
        ),
        (
            json!({ "messages": [user("a"), user("b"), assistant("c")] }),
            "`messages[1].role`: user messages may not follow user messages",
        ),
        (
            json!({ "messages": [user("a")] }),
            "`messages`: no assistant message, so there is nothing to learn",
        ),
        (
            json!({ "messages": [user("a"), assistant("b")], "tools": "[]" }),
            "`tools`: expected a list of JSON schemas, found a string",
        ),
        (
            json!({ "messages": [user("a"), assistant("b")], "tools": [1] }),
            "`tools[0]`: expected a JSON schema, found a number",
        ),
        (
            json!({ "conversations": [{ "from": "narrator", "value": "a" }] }),
            "`conversations[0].from`: unknown role \"narrator\"; known: system, human (user), gpt (assistant, model), tool \
             (observation)",
        ),
        (json!({ "conversations": [{ "from": "human" }] }), "`conversations[0].value`: missing"),
        (json!({ "instruction": "a" }), "`output`: missing"),
        (json!({ "instruction": "a", "output": "" }), "`output`: empty"),
        (
            json!({ "instruction": "a", "output": "b", "history": [["c", "d"]] }),
            "`history`: conversation history is not supported",
        ),
        (json!({ "completion": "a" }), "`prompt`: missing"),
        (json!({ "prompt": "a", "completion": "" }), "`completion`: empty"),
        (
            json!({ "prompt": [user("a")], "completion": "b" }),
            "`prompt` and `completion`: one is text, the other is messages",
        ),
        (json!({ "prompt": [user("a")], "completion": [] }), "`completion`: empty"),
        (json!({ "prompt": "a", "chosen": "b" }), "`rejected`: missing"),
        (json!({ "prompt": "a", "chosen": "b", "rejected": "b" }), "`chosen` and `rejected` are equal"),
        (
            json!({ "prompt": "a", "chosen": [assistant("b")], "rejected": [assistant("b")] }),
            "`chosen` and `rejected` are equal",
        ),
        (
            json!({ "prompt": "a", "chosen": "b", "rejected": [assistant("c")] }),
            "`chosen` and `rejected`: one is text, the other is messages",
        ),
        (
            json!({ "chosen": "b", "rejected": "c" }),
            "`prompt`: missing, and `chosen` and `rejected` have no common beginning",
        ),
        (json!({ "prompt": "a", "chosen": "", "rejected": "c" }), "`chosen`: empty"),
        (
            json!({ "prompt": [user("a")], "chosen": [user("b")], "rejected": [assistant("c")] }),
            "`chosen`: empty",
        ),
    ] {
        assert_eq!(said(&row), expected, "{row}");
    }
    assert_eq!(
        Row::read("{\"text\": ", Objective::Chat).unwrap_err(),
        "not JSON: EOF while parsing a value at column 9"
    );
    assert!(Row::read(&"[".repeat(100_000), Objective::Chat).is_err());
}

/// Random JSON with the formats' keys and others.
fn json_values() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "user",
        "assistant",
        "system",
        "human",
        "gpt",
        "text",
        "",
        " ",
        "é",
        "function",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i8>().prop_map(Value::from)
    ];
    let leaf = prop_oneof![1 => leaf, 4 => word.prop_map(Value::from)];
    let key = prop::sample::select(vec![
        "messages",
        "conversations",
        "prompt",
        "completion",
        "chosen",
        "rejected",
        "text",
        "role",
        "content",
        "from",
        "value",
        "tools",
        "tool_calls",
        "type",
        "instruction",
        "input",
        "output",
        "system",
        "label",
        "history",
    ]);
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..5).prop_map(|pairs| {
                Value::Object(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn a_line_is_a_good_row_or_an_error(row in json_values()) {
        let line = row.to_string();
        for row in Objective::ALL.map(|objective| Row::read(&line, objective)) {
            match row {
                Ok(Row::Conversation { conversation, prompt }) => {
                    prop_assert_eq!(conversation.validate_for_training(), Ok(()));
                    prop_assert!(prompt < conversation.messages.len());
                }
                Ok(Row::Preference(preference)) => {
                    if let Some((chosen, rejected, _)) = preference.conversations() {
                        prop_assert!(chosen.validate_for_training().is_ok() && rejected.validate_for_training().is_ok());
                        prop_assert_ne!(chosen, rejected);
                    }
                }
                Ok(_) => {}
                Err(error) => prop_assert!(!error.is_empty()),
            }
        }
    }

    #[test]
    fn any_text_is_no_panic(line in ".{0,80}") {
        let _ = Row::read(&line, Objective::Chat);
    }

    #[test]
    fn an_extracted_prompt_is_a_beginning(beginning in ".{0,12}", chosen in ".{0,12}", rejected in ".{0,12}") {
        let (chosen, rejected) = (format!("{beginning}{chosen}"), format!("{beginning}{rejected}"));
        if let Some((prompt, left, right)) = shared_text(&chosen, &rejected) {
            prop_assert_eq!(format!("{prompt}{left}"), chosen);
            prop_assert_eq!(format!("{prompt}{right}"), rejected);
            prop_assert!(!left.is_empty() && !right.is_empty());
        }
    }
}
