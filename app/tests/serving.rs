//! `glasshouse serve`: the real program over real connections.

use crate::support::program::{RUN, error_of, last, succeed};
use crate::support::serving::{Answer, Serving, pieces, trained};
use serde_json::{Value, json};
use std::io::Read as _;
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// The model of project `p` with a chat template, as project `chats`.
fn with_template(folder: &Path, template: &str) {
    succeed(folder, &["export", "--project", "p", "--to", "model"]);
    std::fs::write(folder.join("model/chat_template.jinja"), template).unwrap();
    succeed(folder, &["import", "model", "--project", "chats"]);
}

/// Waits until completions are answered with a status.
fn wait_for(serving: &Serving, body: &Value, status: u16) {
    let since = Instant::now();
    while serving.complete(body).status != status {
        assert!(since.elapsed() < Duration::from_secs(60), "no answer had the status {status}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn completions_are_what_generate_writes() {
    let folder = trained(64);
    let folder = folder.path();
    let written = |more: &[&str]| -> Value {
        let arguments = ["generate", "--project", "p", "--device", "cpu", "--json", "--max-tokens", "24"];
        last(&succeed(folder, &[&arguments[..], more].concat()))
    };
    let serving = Serving::start(folder, "p", &[]);

    let models = serving.get("/models").json();
    assert_eq!(models["data"][0]["id"], RUN);
    assert_eq!(serving.get("/models/1").json()["id"], RUN);
    assert_eq!(serving.get("/models/none").status, 404);

    let greedy = json!({ "model": RUN, "prompt": "One", "max_tokens": 24, "temperature": 0 });
    let answer = serving.complete(&greedy);
    let expected = written(&["--prompt", "One", "--greedy"]);
    assert_eq!(answer.choice()["text"], expected["text"]);
    let body = answer.json();
    assert_eq!((&body["object"], &body["model"]), (&json!("text_completion"), &json!(RUN)));
    assert_eq!(body["usage"], json!({ "prompt_tokens": 3, "completion_tokens": 24, "total_tokens": 27 }));
    assert_eq!(answer.choice()["finish_reason"], "length");

    // A title with a colon names a run, with or without a checkpoint.
    succeed(folder, &["runs", "rename", "--project", "p", "1", "tales: first"]);
    for (model, status) in
        [("tales: first", 200), ("tales: first:best", 200), ("tales: none", 404), ("1:none", 404)]
    {
        let mut asked = greedy.clone();
        asked["model"] = json!(model);
        let answer = serving.complete(&asked);
        assert_eq!(answer.status, status, "{model}");
        if status == 200 {
            assert_eq!(answer.choice()["text"], expected["text"], "{model}");
        } else {
            let unknown =
                if model == "1:none" { "1 has no checkpoint none" } else { "there is no model tales;" };
            let said = answer.json()["error"]["message"].clone();
            assert!(said.as_str().unwrap().starts_with(unknown), "{said}");
        }
    }
    assert_eq!(serving.get("/models/tales:%20first").json()["id"], RUN);

    // Sampling with a seed gives the same text, also with several prompts and answers per request.
    let drawn = json!({
        "prompt": ["One", "The"], "n": 2, "max_tokens": 24, "temperature": 0.8, "seed": 5, "stop": ["e", ""],
    });
    let choices = serving.complete(&drawn).json()["choices"].clone();
    for (at, (prompt, seed)) in
        [("One", "5"), ("One", "6"), ("The", "5"), ("The", "6")].into_iter().enumerate()
    {
        let expected = written(&["--prompt", prompt, "--seed", seed, "--stop", "e"]);
        assert_eq!(choices[at]["text"], expected["text"], "{at}");
        assert_eq!(choices[at]["index"], at);
    }

    // The chunks of a stream add up to the text.
    let mut streamed = greedy;
    streamed["stream"] = json!(true);
    streamed["stream_options"] = json!({ "include_usage": true });
    let events = pieces(&serving.complete(&streamed).text);
    let texts = events.iter().filter_map(|event| event["choices"][0]["text"].as_str());
    assert_eq!(texts.collect::<String>(), expected["text"]);
    let [.., last, usage] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(last["choices"][0]["finish_reason"], "length");
    assert_eq!(usage["usage"]["completion_tokens"], 24);

    // Characters missing from the vocabulary are dropped and reported.
    let lost = json!({ "prompt": "Oßne漢", "max_tokens": 24, "temperature": 0 });
    let choice = serving.complete(&lost).choice();
    assert_eq!((&choice["text"], &choice["characters_lost"]), (&expected["text"], &json!("ß漢")));
    assert!(answer.choice().get("characters_lost").is_none());

    // Special tokens spelled in a prompt are reported, too.
    let spelled = json!({ "prompt": "One<|endoftext|> day<|endoftext|>", "max_tokens": 1 });
    assert_eq!(serving.complete(&spelled).choice()["special_tokens_in_prompt"], 2);
    assert!(choice.get("special_tokens_in_prompt").is_none());

    // Every chunk names the model, even if the request names none.
    streamed["model"] = Value::Null;
    let unnamed = pieces(&serving.complete(&streamed).text);
    assert!(unnamed.len() > 2 && unnamed.iter().all(|event| event["model"] == RUN), "{unnamed:?}");
}

#[test]
fn a_conversation_is_answered_where_the_model_has_a_template() {
    let folder = trained(64);
    let folder = folder.path();
    let template = "{% for m in messages %}{{ m.role[0] }},{{ m.content }}.{% endfor %}{% if add_generation_prompt %}a,{% endif %}";
    with_template(folder, template);

    let plain = Serving::start(folder, "p", &[]);
    let messages = json!([{ "role": "system", "content": "x" }, { "role": "user", "content": [{ "type": "text", "text": "Go" }] }]);
    let mut wanted = json!({ "messages": messages, "temperature": 0, "max_tokens": 8 });
    let refused = plain.post("/chat/completions", &wanted.to_string());
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("chat template"), "{}", refused.text);

    let serving = Serving::start(folder, "chats", &[]);
    let answer = serving.post("/chat/completions", &wanted.to_string());
    let alone = json!({ "prompt": "s,x.u,Go.a,", "temperature": 0, "max_tokens": 8 });
    assert_eq!(answer.choice()["message"]["content"], serving.complete(&alone).choice()["text"]);
    assert_eq!(answer.choice()["message"]["role"], "assistant");
    wanted["chat_template"] = json!(template);
    let brought = plain.post("/chat/completions", &wanted.to_string());
    assert_eq!(brought.choice()["message"]["content"], answer.choice()["message"]["content"]);
    wanted["chat_template"] = json!("{% for m in");
    let broken = plain.post("/chat/completions", &wanted.to_string());
    assert_eq!((broken.status, broken.text.contains("chat template")), (400, true), "{}", broken.text);
    wanted.as_object_mut().unwrap().remove("chat_template");

    wanted["logprobs"] = json!(true);
    wanted["top_logprobs"] = json!(2);
    let answer = serving.post("/chat/completions", &wanted.to_string());
    let listed = answer.choice()["logprobs"]["content"].clone();
    let listed = listed.as_array().unwrap();
    let spelled: String = listed.iter().map(|token| token["token"].as_str().unwrap()).collect();
    assert_eq!(answer.choice()["message"]["content"], spelled.as_str());
    assert!(listed.iter().all(|token| token["logprob"] == token["top_logprobs"][0]["logprob"]));
    assert!(listed.iter().all(|token| token["bytes"] == json!(token["token"].as_str().unwrap().as_bytes())));

    wanted = json!({ "messages": messages, "temperature": 0, "stream": true });
    let events = pieces(&serving.post("/chat/completions", &wanted.to_string()).text);
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    let texts = events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str());
    // The text fills the context.
    assert_eq!(texts.collect::<String>().chars().count(), 64 - "s,x.u,Go.a,".len());
}

#[test]
fn all_messages_and_the_plain_fields_change_the_answer_and_others_are_refused_by_name() {
    let folder = trained(64);
    let folder = folder.path();
    with_template(
        folder,
        "{% if t %}T.{% endif %}{% for m in messages %}{{ m.role[0] }}{{ m.name }},{{ m.content }}.{% endfor %}{% if add_generation_prompt %}a,{% endif %}",
    );
    let serving = Serving::start(folder, "chats", &[]);
    let message = |role: &str, text: &str| json!({ "role": role, "content": text });
    let chat = |messages: &[Value], more: &Value| {
        let mut body = json!({ "messages": messages, "temperature": 0, "max_tokens": 8 });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serving.post("/chat/completions", &body.to_string())
    };
    let go = || message("user", "Go");
    let named = json!({ "role": "user", "name": "b", "content": "Go" });
    let begun = [go(), message("assistant", "On")];
    let now = json!([{ "type": "function", "function": { "name": "now" } }]);
    let template = "{{ tools[0].function.name }},{{ messages[0].content }}";
    for (messages, more, prompt) in [
        (&[message("system", "one"), message("system", "two"), go()][..], json!({}), "s,one.s,two.u,Go.a,"),
        (&[message("developer", "d"), go()], json!({}), "d,d.u,Go.a,"),
        (&[message("assistant", "hello"), go()], json!({}), "a,hello.u,Go.a,"),
        (&[message("tool", "x")], json!({}), "t,x.a,"),
        (&[named], json!({}), "ub,Go.a,"),
        (&begun, json!({}), "u,Go.a,On.a,"),
        (&begun, json!({ "add_generation_prompt": false }), "u,Go.a,On."),
        (&begun, json!({ "continue_final_message": true }), "u,Go.a,On"),
        (&[go()], json!({ "chat_template_kwargs": { "t": true } }), "T.u,Go.a,"),
        (&[go()], json!({ "tools": now, "chat_template": template }), "now,Go"),
        (&[go()], json!({ "tools": now, "tool_choice": "none" }), "u,Go.a,"),
    ] {
        let (answer, alone) =
            (chat(messages, &more), json!({ "prompt": prompt, "temperature": 0, "max_tokens": 8 }));
        assert_eq!(
            answer.choice()["message"]["content"],
            serving.complete(&alone).choice()["text"],
            "{prompt}"
        );
        assert_eq!(answer.json()["usage"]["prompt_tokens"], prompt.len(), "{prompt}");
    }

    let with = |more: Value| {
        let mut body =
            json!({ "prompt": "One", "temperature": 0, "max_tokens": 9, "stop": null, "user": "me" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serving.complete(&body)
    };
    let text = with(json!({})).choice()["text"].as_str().unwrap().to_owned();
    let encode = ["tokenizer", "encode", "--project", "p", "--text", &text, "--json"];
    let ids: Value = serde_json::from_str(succeed(folder, &encode).trim()).unwrap();
    let stop = &ids["ids"][4];
    let before = ids["ids"].as_array().unwrap().iter().position(|id| id == stop).unwrap();
    let stopped = with(json!({ "stop_token_ids": [stop] })).choice();
    assert_eq!((&stopped["text"], &stopped["finish_reason"]), (&json!(text[..before]), &json!("stop")));
    let longer = with(json!({ "stop_token_ids": [stop], "min_tokens": 9, "ignore_eos": true })).choice();
    let longer = (longer["text"].as_str().unwrap(), &longer["finish_reason"]);
    assert!(longer.0.starts_with(&text[..before]) && longer.0.len() == 9, "{longer:?}");
    assert!(
        !longer.0.contains(&text[before..=before]) && longer.1 == "length",
        "it is not drawn: {longer:?}"
    );

    for (name, value) in [
        ("guided_regex", json!("[0-9]+")),
        ("allowed_token_ids", json!([1])),
        ("truncate_prompt_tokens", json!(1)),
        ("mirostat", json!(2)),
        ("temprature", json!(0)),
        ("messages", json!([])),
        ("min_tokens", json!(10)),
    ] {
        let refused = with(json!({ name: value }));
        assert_eq!(
            (refused.status, &refused.json()["error"]["param"]),
            (400, &json!(name)),
            "{}",
            refused.text
        );
    }
    for (name, value) in [
        ("tool_choice", json!("required")),
        ("modalities", json!(["audio"])),
        ("continue_final_message", json!(true)),
        ("chat_template_kwargs", json!({ "messages": [] })),
    ] {
        let refused = chat(&[go()], &json!({ name: value }));
        assert_eq!(
            (refused.status, &refused.json()["error"]["param"]),
            (400, &json!(name)),
            "{}",
            refused.text
        );
    }
    for (tools, status) in [(json!([]), 200), (json!([{ "name": "now" }]), 400), (now, 400)] {
        let more = json!({ "tool_choice": "auto", "tools": tools, "modalities": ["text"] });
        assert_eq!(chat(&[go()], &more).status, status);
    }

    // The Responses API gives the same answers in another format.
    let expected = chat(&[message("system", "x"), go()], &json!({})).choice()["message"]["content"].clone();
    let mut body = json!({ "instructions": "x", "input": "Go", "temperature": 0, "max_output_tokens": 8 });
    let response = serving.post("/responses", &body.to_string()).json();
    assert_eq!((&response["object"], &response["status"]), (&json!("response"), &json!("incomplete")));
    assert_eq!(response["incomplete_details"]["reason"], "max_output_tokens");
    let content = &response["output"][0]["content"][0];
    assert_eq!((&content["type"], &content["text"]), (&json!("output_text"), &expected));
    assert_eq!(
        (&response["usage"]["input_tokens"], &response["usage"]["output_tokens"]),
        (&json!(11), &json!(8))
    );
    body["input"] =
        json!([{ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "Go" }] }]);
    body["stream"] = json!(true);
    let streamed = serving.post("/responses", &body.to_string()).text;
    let events: Vec<(&str, Value)> = streamed
        .split_terminator("\n\n")
        .map(|event| event.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap())
        .map(|(kind, data)| (kind, serde_json::from_str(data).unwrap()))
        .collect();
    for (at, (kind, data)) in events.iter().enumerate() {
        assert_eq!((&data["type"], &data["sequence_number"]), (&json!(kind), &json!(at)));
    }
    let mut kinds: Vec<&str> = events.iter().map(|(kind, _)| *kind).collect();
    kinds.dedup();
    let wanted = [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "incomplete",
    ];
    assert_eq!(kinds, wanted.map(|kind| format!("response.{kind}")));
    let deltas = events.iter().filter_map(|(_, data)| data["delta"].as_str());
    assert_eq!(json!(deltas.collect::<String>()), expected);
    let last = &events.last().unwrap().1["response"];
    assert_eq!(last["output"][0]["content"][0]["text"], expected);
    let refused =
        serving.post("/responses", &json!({ "input": "Go", "previous_response_id": "a" }).to_string());
    assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!("previous_response_id")));
}

#[test]
fn log_probabilities_are_those_of_the_text_however_it_is_asked_for() {
    let folder = trained(64);
    let folder = folder.path();
    let serving = Serving::start(folder, "p", &[]);
    let written = json!({ "prompt": "One day", "max_tokens": 9, "temperature": 0, "logprobs": 3 });
    let written = serving.complete(&written).choice();
    let text = format!("One day{}", written["text"].as_str().unwrap());
    let numbers = |list: &Value| -> Vec<f64> {
        list.as_array().unwrap().iter().map(|number| number.as_f64().unwrap_or(f64::NAN)).collect()
    };
    let own = numbers(&written["logprobs"]["token_logprobs"]);
    assert!(own.len() == 9 && own.iter().all(|log| *log <= 0.0), "{own:?}");
    // The greedy choice is the most likely token.
    for (at, log) in own.iter().enumerate() {
        let top = written["logprobs"]["top_logprobs"][at].as_object().unwrap();
        let best = top.values().map(|log| log.as_f64().unwrap()).fold(f64::NEG_INFINITY, f64::max);
        assert_eq!(best, *log);
        assert!(top.len() >= 3);
    }

    // Scores of the same text, with no new token, and with one, as evaluation harnesses request it.
    for (most, more) in [(0, 0), (1, 1)] {
        let scored = json!({ "prompt": [text, "The"], "max_tokens": most, "temperature": 0, "logprobs": 1, "echo": true });
        let answer = serving.complete(&scored);
        let choice = answer.choice();
        let logprobs = &choice["logprobs"];
        let all = numbers(&logprobs["token_logprobs"]);
        assert!(logprobs["token_logprobs"][0].is_null() && logprobs["top_logprobs"][0].is_null());
        assert_eq!(all.len(), 16 + more);
        for (ours, theirs) in all[7..].iter().zip(&own) {
            assert!((ours - theirs).abs() < 1e-4, "{ours} {theirs}");
        }
        assert_eq!(numbers(&logprobs["text_offset"])[7], 7.0);
        let echoed = choice["text"].as_str().unwrap();
        assert_eq!(echoed.chars().count(), 16 + more);
        assert!(echoed.starts_with(&text));
        assert_eq!(answer.json()["choices"][1]["logprobs"]["tokens"][0], "T");
    }
    // The token chosen after a scored text is the one generated after it.
    let body = |echo: bool| json!({ "prompt": text, "max_tokens": 1, "temperature": 0, "logprobs": 1, "echo": echo });
    let (scored, alone) = (serving.complete(&body(true)).choice(), serving.complete(&body(false)).choice());
    assert_eq!(scored["text"], format!("{text}{}", alone["text"].as_str().unwrap()));

    // Token ids as a prompt.
    let encode = ["tokenizer", "encode", "--project", "p", "--text", "One day", "--json"];
    let tokens: Value = serde_json::from_str(succeed(folder, &encode).trim()).unwrap();
    let body = json!({ "prompt": tokens["ids"], "max_tokens": 9, "temperature": 0 });
    assert_eq!(serving.complete(&body).choice()["text"], written["text"]);
}

#[test]
fn tokens_and_embeddings_are_those_of_the_model_and_biases_change_its_text() {
    let folder = trained(64);
    let folder = folder.path();
    let serving = Serving::start(folder, "p", &[]);
    let encode = ["tokenizer", "encode", "--project", "p", "--text", "One day", "--json"];
    let ids = serde_json::from_str::<Value>(succeed(folder, &encode).trim()).unwrap()["ids"].clone();
    let at_root = |path: &str, body: &Value| {
        let address = format!("http://{}{path}", serving.address);
        Serving::answer(Serving::agent().post(address).send(body.to_string())).json()
    };
    assert_eq!(at_root("/tokenize", &json!({ "prompt": "One day" })), json!({ "count": 7, "tokens": ids }));
    assert_eq!(at_root("/tokenize", &json!({ "prompt": "a".repeat(1000) }))["count"], 1000);
    let long = at_root("/v1/embeddings", &json!({ "input": "a".repeat(1000) }));
    assert_eq!(long["error"]["code"], "context_length_exceeded");
    assert_eq!(at_root("/detokenize", &json!({ "tokens": ids })), json!({ "prompt": "One day" }));
    assert_eq!(at_root("/tokenize", &json!({ "prompt": ["a", "b"] }))["error"]["param"], "prompt");
    assert_eq!(
        at_root("/detokenize", &json!({ "tokens": ids, "temperature": 1 }))["error"]["param"],
        "temperature"
    );

    let embed = |body: Value| serving.post("/embeddings", &body.to_string()).json();
    let both = embed(json!({ "input": ["One day", "The"] }));
    let vector = |at: usize| -> Vec<f32> {
        both["data"][at]["embedding"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
    };
    assert_eq!((&both["model"], &both["usage"]["prompt_tokens"]), (&json!(RUN), &json!(10)));
    assert!(vector(0).len() == vector(1).len() && vector(0) != vector(1));
    // The same by token ids, and in base 64.
    let coded = embed(json!({ "input": [ids], "encoding_format": "base64" }));
    let text = coded["data"][0]["embedding"].as_str().unwrap();
    assert_eq!(text.len(), (vector(0).len() * 4).div_ceil(3) * 4);
    let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let first = text[..6].chars().fold(0_u64, |bits, own| bits << 6 | digits.find(own).unwrap() as u64) >> 4;
    assert_eq!(f32::from_le_bytes((first as u32).to_be_bytes()), vector(0)[0]);

    let with = |more: Value| {
        let mut body = json!({ "prompt": "One day", "temperature": 0, "max_tokens": 9 });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serving.complete(&body).choice()["text"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        with(json!({ "grammar": "start: /[dO]/ \"ay\"", "logit_bias": { ids[0].to_string(): 100 } })),
        "Oay"
    );
    assert_eq!(with(json!({ "logit_bias": { ids[0].to_string(): 100 } })), "O".repeat(9));
    let plain = with(json!({}));
    let penalised = with(json!({ "presence_penalty": 2, "frequency_penalty": 2 }));
    let distinct = |text: &str| std::collections::HashSet::<char>::from_iter(text.chars()).len();
    assert!(penalised != plain && distinct(&penalised) >= distinct(&plain), "{penalised:?} {plain:?}");
}

#[test]
fn bad_requests_are_told_what_is_wrong() {
    let folder = trained(64);
    let folder = folder.path();
    let serving = Serving::start(folder, "p", &["--queue", "8"]);
    let said = |answer: &Answer, status: u16, parts: &[&str]| {
        assert_eq!(answer.status, status, "{}", answer.text);
        let error = answer.json()["error"].clone();
        let message = error["message"].as_str().unwrap();
        parts.iter().for_each(|part| assert!(message.contains(part), "{part:?} is not in {message:?}"));
        error
    };
    said(&serving.post("/completions", "{\"prompt\": "), 400, &["JSON"]);
    said(&serving.post("/completions", "[]"), 400, &["JSON object"]);
    said(&serving.post("/completions", &"[".repeat(100_000)), 400, &["JSON"]);
    said(&serving.complete(&json!({})), 400, &["prompt", "missing"]);
    said(&serving.complete(&json!({ "prompt": 5 })), 400, &["prompt", "number"]);
    said(&serving.complete(&json!({ "prompt": ["One", {}] })), 400, &["prompt", "list of strings"]);
    let one = json!({ "prompt": "O", "max_tokens": 64 });
    said(&serving.complete(&one), 400, &["at most 63"]);
    said(&serving.complete(&json!({ "prompt": [1, "a"] })), 400, &["token ids"]);
    said(&serving.complete(&json!({ "prompt": [-1] })), 400, &["whole number"]);
    said(&serving.complete(&json!({ "prompt": [4_000_000] })), 400, &["token 4000000"]);
    said(&serving.complete(&json!({ "prompt": "One", "temperature": "hot" })), 400, &["temperature", "hot"]);
    said(&serving.complete(&json!({ "prompt": "One", "suffix": "end" })), 400, &["suffix"]);
    said(&serving.complete(&json!({ "prompt": "One", "n": 128 })), 400, &["128", "24"]);
    said(&serving.complete(&json!({ "prompt": "One", "logprobs": 50 })), 400, &["0 and 20"]);
    let below =
        said(&serving.complete(&json!({ "prompt": "One", "max_tokens": -2 })), 400, &["at least 0", "-1"]);
    assert_eq!((&below["code"], &below["param"]), (&json!(null), &json!("max_tokens")));
    for (tokens, written) in [(json!(2.0), 2), (json!(-1), 61)] {
        let body = json!({ "model": 1, "prompt": "One", "max_tokens": tokens, "ignore_eos": true });
        let answer = serving.complete(&body);
        assert_eq!(answer.json()["usage"]["completion_tokens"], written, "{}", answer.text);
    }
    let unknown = said(&serving.complete(&json!({ "prompt": "One", "model": "gpt" })), 404, &[RUN]);
    assert_eq!((&unknown["code"], &unknown["param"]), (&json!("model_not_found"), &json!("model")));
    said(&serving.complete(&json!({ "prompt": "One", "model": "1:../../x" })), 404, &["1:best"]);
    for (prompt, tokens) in [("a".repeat(60), 5), ("a".repeat(64), 1), ("a".repeat(1000), 0)] {
        let long = serving.complete(&json!({ "prompt": prompt, "max_tokens": tokens }));
        assert_eq!(said(&long, 400, &["64"])["code"], "context_length_exceeded");
    }
    assert_eq!(serving.complete(&json!({ "prompt": "a".repeat(63), "max_tokens": 1 })).status, 200);
    // By default, the completion fills the context.
    let short = serving.complete(&json!({ "prompt": "a".repeat(60) }));
    assert!(
        short.json()["usage"]["completion_tokens"].as_u64().is_some_and(|tokens| tokens <= 4),
        "{}",
        short.text
    );
    // Megabytes are refused before they are tokenised.
    let huge = serving.complete(&json!({ "prompt": "a".repeat(3 << 20) }));
    assert_eq!(said(&huge, 400, &["3145728 bytes", "64"])["code"], "context_length_exceeded");
    let chat =
        |messages: Value| serving.post("/chat/completions", &json!({ "messages": messages }).to_string());
    said(&chat(json!([])), 400, &["messages"]);
    said(&chat(json!([{ "role": "owl", "content": "" }])), 400, &["messages[0]", "user"]);
    said(
        &chat(json!([{ "role": "user", "content": [{ "type": "image_url" }] }])),
        400,
        &["messages[0]", "only text"],
    );
    let empty = said(
        &serving.post(
            "/chat/completions",
            &json!({ "messages": [{ "role": "user", "content": "a" }], "max_tokens": 0 }).to_string(),
        ),
        400,
        &["max_tokens is 0", "at least 1"],
    );
    assert_eq!(empty["code"], json!(null));
    said(&serving.get("/completions"), 405, &["GET", "POST /v1/completions"]);
    said(&serving.post("/images", "{}"), 404, &["/v1/images", "/v1/models"]);
    said(&serving.post("/embeddings", "{}"), 400, &["input", "missing"]);
    said(
        &serving.post("/completions", &format!("{{\"prompt\": \"{}\"}}", "a".repeat(5 << 20))),
        413,
        &["4 MB"],
    );

    // Bytes that are not HTTP, and other names of this machine.
    assert!(serving.raw(b"\x16\x03\x01 hello\r\n\r\n").starts_with("HTTP/1.1 400"));
    assert!(
        serving
            .raw(b"GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
            .starts_with("HTTP/1.1 403")
    );
    let metrics = serving.raw(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    for line in [
        "glasshouse_requests_total{code=\"200\"} ",
        "glasshouse_requests_total{code=\"403\"} 1\n",
        "glasshouse_texts_total 4\n",
        "glasshouse_texts_in_progress_or_waiting 0\n",
        "glasshouse_texts_limit 24\n",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    // An address cannot be another site's name.
    let by_address = b"GET /health HTTP/1.1\r\nHost: 192.168.0.1:80\r\nConnection: close\r\n\r\n";
    assert!(serving.raw(by_address).starts_with("HTTP/1.1 200"));
    // Pages of other sites cannot keep the server busy either, although they could not read the response.
    for (method, path) in [("POST", "/v1/completions"), ("GET", "/v1/models")] {
        let foreign = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a.example\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
        );
        assert!(serving.raw(foreign.as_bytes()).starts_with("HTTP/1.1 403"), "{method}");
    }
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(200_000));
    assert!(serving.raw(long.as_bytes()).starts_with("HTTP/1.1 431"));
    // The server still works, and no page of another site may read its responses.
    let alive = serving.raw(
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:3000\r\nConnection: close\r\n\r\n",
    );
    assert!(alive.starts_with("HTTP/1.1 200") && !alive.to_lowercase().contains("access-control"), "{alive}");

    let port = serving.address.rsplit_once(':').unwrap().1;
    let again = error_of(folder, &["serve", "--project", "p", "--port", port, "--device", "cpu"]);
    assert!(again.contains(port) && again.contains("in use"), "{again}");
}

#[test]
fn a_token_is_asked_for() {
    let folder = trained(64);
    let folder = folder.path();
    let serving = Serving::start(folder, "p", &["--token", "secret", "--cors", "http://localhost:3000"]);
    let asked = |header: Option<&str>| {
        let request = Serving::agent().get(format!("{}/models", serving.base_url));
        Serving::answer(match header {
            Some(header) => request.header("Authorization", header).call(),
            None => request.call(),
        })
    };
    for wrong in [None, Some("Bearer secre"), Some("Bearer secrets"), Some("secret"), Some("Bearer ")] {
        let answer = asked(wrong);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (401, &json!("invalid_api_key")));
    }
    for right in ["Bearer secret", "bearer secret", "BEARER  secret"] {
        assert_eq!(asked(Some(right)).status, 200, "{right}");
    }
    let health = b"GET /health HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n";
    assert!(serving.raw(health).starts_with("HTTP/1.1 200"));
    // A token does not admit pages of other origins than the chosen one.
    for (origin, wanted) in [("http://a.example", "403"), ("http://localhost:3000", "200")] {
        let from = format!(
            "GET /v1/models HTTP/1.1\r\nHost: example.org\r\nOrigin: {origin}\r\nAuthorization: Bearer secret\r\nConnection: close\r\n\r\n"
        );
        assert!(serving.raw(from.as_bytes()).starts_with(&format!("HTTP/1.1 {wanted}")), "{origin}");
    }
    let ask = "OPTIONS /v1/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:3000\r\n\
        Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\nConnection: close\r\n\r\n";
    let allowed = serving.raw(ask.as_bytes()).to_lowercase();
    assert!(allowed.contains("access-control-allow-origin: http://localhost:3000"), "{allowed}");
}

#[test]
fn clients_that_vanish_leave_their_places() {
    let folder = trained(512);
    let folder = folder.path();
    let serving = Serving::start(folder, "p", &["--parallel", "2", "--queue", "1000"]);
    // Minutes of work that nobody waits for.
    let prompts = vec!["One"; 7];
    let long = json!({ "prompt": prompts, "n": 128, "max_tokens": 500, "stream": true }).to_string();
    let mut vanishing = serving.asked(&long);
    let mut begun = [0];
    vanishing.read_exact(&mut begun).unwrap();
    // The rest of the queue is too short; a refused request learns when to retry.
    let many = json!({ "prompt": "One", "n": 128, "max_tokens": 2 });
    let full = serving.complete(&many);
    assert_eq!((full.status, full.retry_after.as_deref()), (429, Some("1")), "{}", full.text);
    drop(vanishing);
    wait_for(&serving, &many, 200);
    // So does a client that waits for its whole response.
    let vanishing = serving.asked(&long.replace("\"stream\":true", "\"stream\":false"));
    wait_for(&serving, &many, 429);
    drop(vanishing);
    wait_for(&serving, &many, 200);
}

#[test]
fn hundreds_of_connections_are_survived() {
    let folder = trained(64);
    let folder = folder.path();
    let serving = Serving::start(folder, "p", &[]);
    let connect = || TcpStream::connect(&serving.address).unwrap();
    // None of them sends anything.
    let silent: Vec<TcpStream> = (0..400).map(|_| connect()).collect();
    let body = json!({ "prompt": "One", "max_tokens": 4, "temperature": 0 });
    let expected = serving.complete(&body).choice()["text"].clone();
    // Several concurrent requests.
    std::thread::scope(|scope| {
        let ask = || serving.complete(&body);
        let asked: Vec<_> = (0..40).map(|_| scope.spawn(ask)).collect();
        for answer in asked {
            assert_eq!(answer.join().unwrap().choice()["text"], expected);
        }
    });
    drop(silent);
    for _ in 0..800 {
        drop(connect());
    }
    assert_eq!(serving.complete(&body).choice()["text"], expected);
}

/// The timeout is 20 s for a request's head, and 30 s for its body.
#[test]
fn slow_clients_that_never_finish_are_let_go() {
    let folder = trained(64);
    let folder = folder.path();
    let serving = Serving::start(folder, "p", &["--parallel", "1", "--queue", "0"]);
    let sent = |bytes: &[u8]| {
        let (since, mut text) = (Instant::now(), String::new());
        serving.sent(bytes).read_to_string(&mut text).expect("the connection is closed");
        (text, since.elapsed().as_secs())
    };
    let half_a_head = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Le";
    let half_a_body =
        b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{\"prompt\"";
    let [head, body] = std::thread::scope(|scope| {
        let asked = [&half_a_head[..], &half_a_body[..]].map(|bytes| scope.spawn(move || sent(bytes)));
        asked.map(|asked| asked.join().unwrap())
    });
    assert!(!head.0.starts_with("HTTP/1.1 200") && (15..30).contains(&head.1), "{head:?}");
    assert!(body.0.starts_with("HTTP/1.1 408") && (25..45).contains(&body.1), "{body:?}");
    // Neither took the only place.
    let one = json!({ "prompt": "One", "max_tokens": 2 });
    assert_eq!(serving.complete(&one).status, 200);
}

#[cfg(unix)]
#[test]
fn ctrl_c_lets_what_is_under_way_finish() {
    let folder = trained(64);
    let folder = folder.path();
    let mut serving = Serving::start(folder, "p", &[]);
    let body = json!({ "prompt": "One", "n": 64, "max_tokens": 60, "stream": true }).to_string();
    let mut stream = serving.asked(&body);
    // It has started once part of it has arrived.
    let mut begun = [0];
    stream.read_exact(&mut begun).unwrap();
    crate::support::program::send(&serving.child, "-INT");
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("TTP/1.1 200") && text.contains("data: [DONE]"), "{text}");
    assert_eq!(serving.child.wait().unwrap().code(), Some(130));
}
