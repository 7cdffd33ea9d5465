//! The field's own programs against `glasshouse serve`: OpenAI's Python client, and lm-eval beside transformers on the exported model and
//! beside `glasshouse evaluate`.

use crate::front_ends::{folder, succeed, train};
use crate::serving::Serving;
use crate::support::tuning::{lines, of, referee};
use serde_json::Value;

/// Whether all numbers are the same but for rounding, and all texts the same.
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
    let (folder, _) = folder();
    let folder = folder.path();
    let more = ["--tokenizer", "bpe", "--vocab", "320", "--set", "model.context_length=96", "--steps", "60"];
    train(folder, &folder.join("p"), &more);
    succeed(folder, &["export", "--project", "p", "--to", "model"]);
    // The same weights with a chat template.
    succeed(folder, &["export", "--project", "p", "--to", "chat"]);
    let template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";
    std::fs::write(folder.join("chat/chat_template.jinja"), template).unwrap();
    succeed(folder, &["import", "chat", "--project", "chats"]);
    let serving = Serving::start(folder, "p", &[]);
    let chats = Serving::start(folder, "chats", &[]);
    std::fs::create_dir(folder.join("tasks")).unwrap();
    let [model, tasks] = ["model", "tasks"].map(|name| folder.join(name).display().to_string());
    let arguments = [&serving.base_url, &model, &tasks, &chats.base_url].map(String::as_str);
    let told = referee(folder, "serve_clients.py", &arguments);
    let found: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();

    let client = &found["openai"];
    assert_eq!(client["streamed"], client["text"]);
    assert_eq!((client["tokens"].as_u64(), client["usage"].as_u64()), (Some(12), Some(12)));
    assert_eq!(client["reason"], "length");
    let errors = serde_json::json!([
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

    // The choices are those that `evaluate` counts on the same rows.
    let rows = std::fs::read_to_string(folder.join("tasks/rows.jsonl")).unwrap();
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let choices = [&row["right"], &row["wrong"]];
        serde_json::json!({ "prompt": row["context"], "choices": choices, "answer": 0 }).to_string()
    };
    std::fs::write(folder.join("choices.jsonl"), rows.lines().map(row).collect::<Vec<_>>().join("\n"))
        .unwrap();
    let evaluate = ["evaluate", "--project", "p", "--device", "cpu", "--no-likelihood", "--resamples", "200"];
    let told = succeed(folder, &[&evaluate[..], &["--task", "choices.jsonl", "--json"]].concat());
    let told = lines(&told);
    let metrics = of(&told, "evaluation")[0]["tasks"][0]["metrics"].as_array().unwrap();
    for (ours, theirs) in [("accuracy", "acc"), ("accuracy_per_character", "acc_norm")] {
        let metric = metrics.iter().find(|metric| metric["name"] == ours).unwrap();
        expect_same(&metric["value"], &found["served"]["choices"][theirs], ours);
    }
}
