//! Third-party programs with `glasshouse serve`: OpenAI's Python client, and lm-eval, compared with transformers on the exported
//! model and with `glasshouse evaluate`.

use crate::support::program::{last, lines, of, referee, stories, succeed, train};
use crate::support::serving::Serving;
use serde_json::{Value, json};

/// Documents of the text, and those after them that are held out.
const DOCUMENTS: usize = 180;
const HELD_OUT: usize = 20;

/// Checks that all numbers are equal up to rounding, and all texts are equal.
fn expect_same(ours: &Value, theirs: &Value, place: &str) {
    match (ours, theirs) {
        (Value::Number(our), Value::Number(their)) => {
            let (our, their) = (our.as_f64().unwrap(), their.as_f64().unwrap());
            assert!((our - their).abs() <= 1e-4 * their.abs().max(1.0), "{place}: {our} for {their}");
        }
        (Value::Array(our), Value::Array(their)) => {
            assert_eq!(our.len(), their.len(), "{place}");
            our.iter()
                .zip(their)
                .enumerate()
                .for_each(|(at, (our, their))| expect_same(our, their, &format!("{place}[{at}]")));
        }
        (Value::Object(our), Value::Object(their)) => {
            assert_eq!(our.keys().collect::<Vec<_>>(), their.keys().collect::<Vec<_>>(), "{place}");
            our.iter().for_each(|(name, value)| expect_same(value, &their[name], &format!("{place}.{name}")));
        }
        _ => assert_eq!(ours, theirs, "{place}"),
    }
}

#[test]
fn slow_python_openais_client_and_lm_eval_find_what_transformers_finds() {
    let folder = stories(60);
    let folder = folder.path();
    let more =
        ["--tokenizer", "bpe", "--vocabulary", "320", "--set", "model.context_length=96", "--steps", "60"];
    train(folder, &folder.join("p"), &more);
    succeed(folder, &["export", "--project", "p", "--to", "model"]);
    // The same weights with a chat template.
    succeed(folder, &["export", "--project", "p", "--to", "chat"]);
    let template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";
    std::fs::write(folder.join("chat/chat_template.jinja"), template).unwrap();
    succeed(folder, &["import", "chat", "--project", "chats"]);
    let evaluate = |project: &str, more: &[&str]| {
        let asked = ["evaluate", "--project", project, "--device", "cpu", "--resamples", "200", "--json"];
        of(&lines(&succeed(folder, &[&asked[..], more].concat())), "evaluation")[0].clone()
    };
    // A model of another text, whose documents are known.
    let document = |at: usize| {
        format!("Day {at}: the fox walked {} steps to the river, and then it rained.", at * at % 89)
    };
    let held_out = DOCUMENTS..DOCUMENTS + HELD_OUT;
    let text =
        |own: std::ops::Range<usize>| own.map(|at| document(at) + "\n<|endoftext|>\n").collect::<String>();
    std::fs::write(folder.join("stories.txt"), text(0..DOCUMENTS)).unwrap();
    std::fs::write(folder.join("held-out.txt"), text(held_out.clone())).unwrap();
    train(folder, &folder.join("days"), &[&more[..], &["--validation", "held-out.txt"]].concat());
    succeed(folder, &["export", "--project", "days", "--to", "days-model"]);
    let likelihood = evaluate("days", &["--no-baselines", "--no-memorisation"])["likelihood"].clone();
    assert_eq!(likelihood["documents"], HELD_OUT);
    let held_out: Vec<String> = held_out.map(document).collect();
    assert_eq!(likelihood["bytes"], held_out.iter().map(String::len).sum::<usize>());
    let serving = Serving::start(folder, "p", &[]);
    let chats = Serving::start(folder, "chats", &[]);
    let days = Serving::start(folder, "days", &[]);
    std::fs::create_dir(folder.join("tasks")).unwrap();
    // The end of a document is predicted, too.
    let held_out: Vec<String> = held_out.iter().map(|text| format!("{text}<|endoftext|>")).collect();
    let rows = held_out.iter().map(|text| json!({ "text": text }).to_string());
    std::fs::write(folder.join("tasks/held_out.jsonl"), rows.collect::<Vec<_>>().join("\n")).unwrap();
    let [model, tasks, days_model] =
        ["model", "tasks", "days-model"].map(|name| folder.join(name).display().to_string());
    let arguments = [&serving.base_url, &model, &tasks, &chats.base_url, &days.base_url, &days_model];
    let arguments = arguments.map(String::as_str);
    let found = last(&referee(folder, "serve_clients.py", &arguments));

    let client = &found["openai"];
    assert_eq!(client["streamed"], client["text"]);
    assert_eq!((client["tokens"].as_u64(), client["usage"].as_u64()), (Some(12), Some(12)));
    assert_eq!(client["reason"], "length");
    let errors = json!([
        ["NotFoundError", "model_not_found"],
        ["BadRequestError", null],
        ["BadRequestError", "context_length_exceeded"],
    ]);
    assert_eq!(client["errors"], errors);

    let alone = &found["alone"];
    assert_eq!(alone["choices"]["answers"].as_array().unwrap().len(), 6);
    for way in ["served", "at_once", "as_text"] {
        expect_same(&found[way], alone, way);
    }

    let chat = &found["chat"];
    assert_eq!(chat["streamed"], chat["text"]);
    assert_eq!((chat["role"].as_str(), chat["reason"].as_str()), (Some("assistant"), Some("length")));
    assert_eq!((chat["tokens"].as_u64(), chat["usage"].as_u64()), (Some(12), Some(12)));
    assert_eq!(chat["served"]["writing"]["answers"].as_array().unwrap().len(), 6);

    // The choices equal those of `evaluate` on the same rows.
    let rows = std::fs::read_to_string(folder.join("tasks/rows.jsonl")).unwrap();
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let choices = [&row["right"], &row["wrong"]];
        json!({ "prompt": row["context"], "choices": choices, "answer": 0 }).to_string()
    };
    std::fs::write(folder.join("choices.jsonl"), rows.lines().map(row).collect::<Vec<_>>().join("\n"))
        .unwrap();
    let evaluated = evaluate("p", &["--no-likelihood", "--task", "choices.jsonl"]);
    let metrics = evaluated["tasks"][0]["metrics"].as_array().unwrap();
    for name in ["acc", "acc_norm"] {
        let metric = metrics.iter().find(|metric| metric["name"] == name).unwrap();
        expect_same(&metric["value"], &found["served"]["choices"][name], name);
    }
    // So do the bits per byte of the held-out text, over whole documents, with the harness's byte counts.
    let bytes: usize = held_out.iter().map(String::len).sum();
    let nats = found["held_out"].as_f64().unwrap() * std::f64::consts::LN_2 * bytes as f64;
    let perplexity = (nats / likelihood["tokens"].as_f64().unwrap()).exp();
    let metrics = likelihood["metrics"].as_array().unwrap();
    let own = metrics.iter().find(|metric| metric["name"] == "perplexity").unwrap();
    expect_same(&own["value"], &json!(perplexity), "perplexity");
}

#[test]
fn slow_python_jsonschema_validates_texts_by_their_schemas() {
    let folder = stories(60);
    let folder = folder.path();
    let settings = ["--tokenizer", "byte", "--set", "model.context_length=512", "--steps", "1"];
    train(folder, &folder.join("p"), &settings);
    let serving = Serving::start(folder, "p", &[]);
    let found = last(&referee(folder, "json_schemas.py", &[&serving.base_url, "200"]));
    assert_eq!(found["failures"], json!([]), "{found}");
    // Of an untrained model, whose texts end where the schema demands it and by chance.
    assert!(found["complete"].as_u64() >= Some(180), "{found}");
}
