//! Inspecting a model on the command line: every view as text, JSON and files, and errors for bad input.

use crate::support::program::{SHAPE, fail, json_of, sets, stories, succeed};
use glasshouse_protocol::View;
use glasshouse_protocol::inspect::HEAD_SCORES;
use safetensors::SafeTensors;
use serde_json::Value;

/// Options of `inspect` in each test.
const OF: [&str; 8] = ["--project", "p", "--device", "cpu", "--prompt", "One day the fox", "--layer", "1"];

/// A folder with a project `p` of a run of two layers of two heads, trained for 12 steps, with checkpoints at 6 and 12.
fn trained() -> tempfile::TempDir {
    let folder = stories(60);
    let own =
        ["train", "--preset", "nanogpt-cpu", "--data", "stories.txt", "--project", "p", "--device", "cpu"];
    let training = [
        "model.layers=2",
        "train.milestones=off",
        "train.batch_size=4",
        "train.warmup_steps=2",
        "train.eval_interval=6",
        "train.eval_batches=2",
        "train.checkpoint_interval=6",
        "train.milestone_interval=6",
        "train.sample_interval=0",
    ];
    let settings = sets(&[&SHAPE[1..], &training].concat());
    succeed(folder.path(), &[&own[..], &["--steps", "12"], &settings[..]].concat());
    folder
}

fn floats(tensor: &Value) -> Vec<f64> {
    tensor["data"].as_array().unwrap().iter().map(|entry| entry.as_f64().unwrap()).collect()
}

#[test]
fn a_view_is_one_json_object_whose_entries_fit_its_axes() {
    let folder = trained();
    let typed = [&["inspect"][..], &OF, &["--view", "attention,tokens", "--json"]].concat();
    let said: Value = serde_json::from_str(&succeed(folder.path(), &typed)).unwrap();
    assert_eq!((said["step"].as_u64(), said["device"].as_str()), (Some(12), Some("cpu")), "{said}");
    let tokens = said["tokens"].as_array().unwrap().len();
    // A token is a character, and the prompt fits.
    assert_eq!((tokens, said["cut"].as_u64()), ("One day the fox".len(), Some(0)));
    let attention = &said["views"]["attention"]["tensors"]["probabilities"];
    assert_eq!(attention["axes"], serde_json::json!(["L", "H", "T", "T"]));
    assert_eq!(attention["shape"], serde_json::json!([1, 2, tokens, tokens]));
    for (at, row) in floats(attention).chunks(tokens).enumerate() {
        let position = at % tokens;
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-4, "row {at}: {row:?}");
        assert!(row[position + 1..].iter().all(|later| *later == 0.0), "row {at} looks ahead: {row:?}");
    }
    let scores = &said["views"]["attention"]["tensors"]["scores"];
    assert_eq!(scores["labels"]["score"], serde_json::json!(HEAD_SCORES));
    assert!(attention.get("labels").is_none(), "its axes have no names of their own");
    let surprise = &said["views"]["tokens"]["tensors"]["surprise"];
    assert_eq!(surprise["shape"], serde_json::json!([tokens]));
    assert!(floats(surprise)[1..].iter().all(|bits| *bits > 0.0), "{surprise}");

    // As text: the tokens and their surprise as a table.
    let typed = [&["inspect"][..], &OF, &["--view", "tokens,attention"]].concat();
    let said = succeed(folder.path(), &typed);
    for part in ["step 12 on cpu: 15 tokens", "Tokens: ", "surprise", "\"f\"", "Attention: ", "induction"] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    // The first token has no context; each token has its id.
    let first = said.lines().find(|line| line.starts_with("  \"O\"")).unwrap();
    assert_eq!(first.matches('–').count(), 3, "{first}");
    assert_eq!(first.matches('"').count(), 2, "the text stands there once: {first}");
}

/// The table shows the JSON's weights of the requested head.
#[test]
fn a_head_that_is_asked_for_is_the_one_whose_attention_is_printed() {
    let folder = trained();
    let typed = [&["inspect"][..], &OF, &["--view", "attention"]].concat();
    let said: Value =
        serde_json::from_str(&succeed(folder.path(), &[&typed[..], &["--json"]].concat())).unwrap();
    let tensor = &said["views"]["attention"]["tensors"]["probabilities"];
    let tokens = said["tokens"].as_array().unwrap().len();
    let weights = floats(tensor);
    for (head, name) in [(0, "0"), (1, "1")] {
        let said = succeed(folder.path(), &[&typed[..], &["--head", name]].concat());
        let title = format!("  layer 1, head {head}: the share");
        let table: Vec<&str> = said.lines().skip_while(|line| !line.starts_with(&title)).collect();
        let last = weights.chunks(tokens).nth(head * tokens + tokens - 1).unwrap();
        let last: Vec<String> = last.iter().map(|weight| format!("{weight:.2}")).collect();
        // The rows follow the title and the columns' tokens.
        let row: Vec<&str> = table[tokens + 1].split_whitespace().collect();
        assert_eq!(row[0], "\"x\"", "{said}");
        assert_eq!(row[1..], last, "{said}");
    }
}

#[test]
fn a_folder_holds_all_views_and_is_replaced_only_when_that_is_asked_for() {
    let folder = trained();
    let to = [&["inspect"][..], &OF, &["--to", "seen"]].concat();
    succeed(folder.path(), &to);
    let seen = folder.path().join("seen");
    let head = json_of(&seen.join("inspection.json"));
    for view in View::ALL {
        let about = &head["views"][view.name()];
        let file = format!("{view}.safetensors");
        assert_eq!(about["file"], file.as_str(), "{view}");
        let bytes = std::fs::read(seen.join(file)).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let named = about["tensors"].as_object().unwrap();
        assert_eq!(tensors.len(), named.len(), "{view}");
        assert!(
            !named.is_empty() || !about["details"].as_array().unwrap().is_empty(),
            "{view} found nothing"
        );
        for (name, tensor) in named {
            let shape = serde_json::json!(tensors.tensor(name).unwrap().shape());
            assert_eq!(shape, tensor["shape"], "{name} of {view}");
        }
    }
    assert_eq!(std::fs::read_dir(&seen).unwrap().count(), View::ALL.len() + 1);

    fail(folder.path(), &to, 1, &["(--force)"]);
    let again = [&to[..], &["--force", "--view", "tokens"]].concat();
    succeed(folder.path(), &again);
    assert_eq!(std::fs::read_dir(&seen).unwrap().count(), 2);
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    std::fs::write(folder.path().join("mine/notes.txt"), "mine").unwrap();
    let over = [&["inspect"][..], &OF, &["--to", "mine", "--force"]].concat();
    fail(folder.path(), &over, 1, &["notes.txt"]);
    assert_eq!(std::fs::read(folder.path().join("mine/notes.txt")).unwrap(), b"mine");
}

/// In JSON and files, each prompt has the same numbers as in a separate call.
#[test]
fn several_prompts_have_each_their_own_tensors() {
    let folder = trained();
    let prompts = ["One day the fox", "The fox"];
    let begin =
        ["inspect", "--project", "p", "--device", "cpu", "--layer", "1", "--view", "attention,tokens"];
    let both = [&begin[..], &["--prompt", prompts[0], "--prompt", prompts[1]]].concat();
    let said: Value =
        serde_json::from_str(&succeed(folder.path(), &[&both[..], &["--json"]].concat())).unwrap();
    let to = [&both[..], &["--to", "seen"]].concat();
    succeed(folder.path(), &to);
    let read = |name: &str| std::fs::read(folder.path().join("seen").join(name)).unwrap();
    let head: Value = serde_json::from_slice(&read("inspection.json")).unwrap();
    assert_eq!(said["prompts"].as_array().unwrap().len(), 2);
    for (number, prompt) in prompts.iter().enumerate() {
        let alone = [&begin[..], &["--prompt", prompt, "--json"]].concat();
        let alone: Value = serde_json::from_str(&succeed(folder.path(), &alone)).unwrap();
        let own = &said["prompts"][number];
        assert_eq!((&own["prompt"], &own["tokens"]), (&alone["prompt"], &alone["tokens"]));
        for view in ["attention", "tokens"] {
            let bytes = read(&format!("{view}.safetensors"));
            let file = SafeTensors::deserialize(&bytes).unwrap();
            let tensors = alone["views"][view]["tensors"].as_object().unwrap();
            assert_eq!(file.len(), 2 * tensors.len());
            for (name, tensor) in tensors {
                let name = format!("prompts.{number}.{name}");
                assert_eq!(&own["views"][view]["tensors"][&name], tensor, "{name} of {view}");
                let shape = &head["prompts"][number]["views"][view]["tensors"][&name]["shape"];
                assert_eq!(*shape, serde_json::json!(file.tensor(&name).unwrap().shape()));
                assert_eq!(*shape, tensor["shape"]);
            }
        }
    }
    // As text, one below the other; and an error names the prompt.
    let shown = succeed(folder.path(), &both);
    assert!(shown.contains("prompt 0: ") && shown.contains("prompt 1: \"The fox\""), "{shown}");
    assert!(shown.contains("surprise (bits)") && !shown.contains("prompts."), "{shown}");
    let beyond = [&both[..], &["--position", "9"]].concat();
    fail(folder.path(), &beyond, 2, &["“The fox”", "nearest is 6"]);
}

#[test]
fn what_does_not_exist_is_told_with_the_nearest_that_does() {
    let folder = trained();
    let folder = folder.path();
    let begin = ["inspect", "--project", "p", "--device", "cpu"];
    for (more, parts) in [
        (&["--view", "attention", "--layer", "7"][..], &["no layer 7", "nearest is 1"][..]),
        (&["--view", "head", "--head", "2"], &["no head 2", "nearest is 1"]),
        (&["--view", "tokens", "--position", "3"], &["no position 3", "nearest is 2"]),
        (&["--view", "atention"], &["atention", "'attention'"]),
        (&[], &["--view", "--to"]),
        (&["--view", "tokens", "--layer", "-1"], &["'-1'", "--layer"]),
        (&["--view", "tokens", "--head", "1"], &["--head", "attention and head"]),
        (&["--view", "attention", "--head", "1", "--json"], &["every head"]),
        (&["--view", "attention", "--temperature", "2"], &["--temperature", "next-token", "--view"]),
        (&["--view", "what-if", "--edit", "patch:1:0"], &["--other-prompt"]),
        (&["--view", "tokens", "--step", "7"], &["step 7", "step 6"]),
        (&["--view", "what-if", "--edit", "head:0"], &["head:LAYER:HEAD:FACTOR"]),
        (&["--view", "tokens", "--edit", "mlp:0:0"], &["--view"]),
        (&["--view", "next-token", "--top-p", "0"], &["--top-p"]),
        (&["--view", "tokens", "--align-with", "6"], &["embeddings", "--view"]),
        (&["--view", "embeddings", "--align-with", "7"], &["step 7", "step 6"]),
    ] {
        fail(folder, &[&begin[..], &["--prompt", "One"], more].concat(), 2, parts);
    }
    // A checkpoint by step; and a prompt beyond the context reports what was cut.
    let long = "One day the fox went home";
    let typed = [&begin[..], &["--prompt", long, "--view", "tokens", "--step", "6", "--json"]].concat();
    let said: Value = serde_json::from_str(&succeed(folder, &typed)).unwrap();
    assert_eq!((said["step"].as_u64(), said["cut"].as_u64()), (Some(6), Some(long.len() as u64 - 16)));
}

#[test]
fn an_edit_changes_what_comes_next_and_a_factor_of_one_changes_nothing() {
    let folder = trained();
    let divergence = |edit: &str| {
        let typed = [&["inspect"][..], &OF, &["--view", "what-if", "--edit", edit, "--json"]].concat();
        let said: Value = serde_json::from_str(&succeed(folder.path(), &typed)).unwrap();
        floats(&said["views"]["what-if"]["tensors"]["divergence"])[0]
    };
    assert!(divergence("head:0:1:1").abs() < 1e-6);
    assert!(divergence("mlp:1:0") > 1e-6);
}

/// Alignment brings the map of an earlier step closer to the last one's.
#[test]
fn a_map_of_tokens_is_turned_towards_that_of_another_step() {
    let folder = trained();
    let map = |more: &[&str]| {
        let typed = [&["inspect"][..], &OF, &["--view", "embeddings", "--json"], more].concat();
        let said: Value = serde_json::from_str(&succeed(folder.path(), &typed)).unwrap();
        floats(&said["views"]["embeddings"]["tensors"]["map"])
    };
    let last = map(&["--step", "12"]);
    let [plain, turned] = [&["--step", "0"][..], &["--step", "0", "--align-with", "12"]].map(map);
    let apart = |one: &[f64]| one.iter().zip(&last).map(|(one, other)| (one - other).powi(2)).sum::<f64>();
    assert_eq!(plain.len(), last.len());
    assert_ne!(plain, turned);
    assert!(apart(&turned) <= apart(&plain) * (1.0 + 1e-5), "{} {}", apart(&turned), apart(&plain));
}

/// Training text is found; other text of that length is not.
#[test]
fn a_text_of_the_training_text_is_found_there() {
    let folder = trained();
    let stories = std::fs::read_to_string(folder.path().join("stories.txt")).unwrap();
    // Some of it is held out for validation.
    let sentences =
        [200, 9_000, 20_000, 40_000].map(|at| stories.chars().skip(at).take(60).collect::<String>());
    let longest = |text: &str| {
        let typed = ["provenance", "--project", "p", "--text", text, "--json"];
        let said: Value = serde_json::from_str(&succeed(folder.path(), &typed)).unwrap();
        let details = said["views"]["provenance"]["details"].as_array().unwrap().clone();
        let found = details.iter().find(|detail| detail["kind"] == "matches").unwrap();
        assert!(found["searched"].as_u64().unwrap() > 10_000, "{found}");
        let matches = found["matches"].as_array().unwrap();
        matches.iter().map(|found| found["length"].as_u64().unwrap()).max().unwrap_or(0)
    };
    assert!(sentences.iter().any(|sentence| longest(sentence) >= 30), "{sentences:?}");
    assert!(longest("xqzjk vwq kzx") < 5);
    let said = succeed(folder.path(), &["provenance", "--project", "p", "--text", &sentences[0]]);
    assert!(said.contains("occurrences"), "{said}");
    // The context holds 16 tokens, which does not limit the search.
    assert!(said.contains(": a text of ") && !said.contains("are cut"), "{said}");
    assert!(!said.lines().any(|line| line.ends_with("longest")), "it counts from another token: {said}");
}

#[test]
fn what_changed_between_two_models_is_told_as_text_and_json() {
    let folder = trained();
    let begin = ["diff", "--project", "p", "--device", "cpu"];
    let json = |typed: &[&str]| -> Value {
        let typed = [&begin[..], typed, &["--json"]].concat();
        serde_json::from_str(&succeed(folder.path(), &typed)).unwrap()
    };
    let tensor = |said: &Value, name: &str| floats(&said["views"]["diff"]["tensors"][name]);
    let changed = json(&["1:6", "1:12"]);
    assert!(
        tensor(&changed, "divergence").iter().any(|bits| *bits > 0.0) && changed["step"] == 12,
        "{changed}"
    );
    let parts = &changed["views"]["diff"]["tensors"]["effect"];
    assert_eq!(parts["labels"]["part"], serde_json::json!(["attention", "MLP", "head 0", "head 1"]));
    let same = json(&["1:12", "1:12", "--prompt", "One day the fox"]);
    for name in ["divergence", "change", "weights", "activations", "effect"] {
        let found = tensor(&same, name);
        assert!(!found.is_empty() && found.iter().all(|entry| *entry == 0.0), "{name}: {found:?}");
    }
    std::fs::write(folder.path().join("text.txt"), "The fox sat by the river").unwrap();
    let said =
        succeed(folder.path(), &[&begin[..], &["1:6", "latest:latest", "--text", "text.txt"]].concat());
    for part in ["KL(before ‖ after)", "Largest divergence", "layer 1 head 0", "Samples"] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    assert!(!said.contains('\x1b'), "colours without a terminal: {said}");
    for (typed, words) in [
        (["2", "1"], "1-"),
        (["1", "1:7"], "nearest"),
        (["1", "1:nothing"], "6, 12"),
        (["1", "1:"], "RUN:CHECKPOINT"),
    ] {
        fail(folder.path(), &[&begin[..], &typed].concat(), 2, &[words]);
    }
    fail(folder.path(), &[&begin[..], &["1", "1", "--prompt", ""]].concat(), 2, &["empty"]);
}
