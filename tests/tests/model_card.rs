//! The model card of an exported folder holds evaluation results in the format that the Hugging Face Hub reads.

use super::export::small;
use glasshouse_engine::formats::huggingface::{CardFacts, Export, export};
use glasshouse_engine::protocol::evaluation::{AnswerKind, Likelihood, Metric, TaskReport};
use glasshouse_engine::protocol::{Evaluation, FloatFormat};
use glasshouse_engine::{Yielder, block_on};
use glasshouse_tests::{output_of, python};
use serde_json::Value;

fn metric(name: &str, value: f64, interval: Option<[f64; 2]>) -> Metric {
    Metric {
        name: name.to_owned(),
        value: Some(value),
        interval,
        count: 100,
        of: "rows".to_owned(),
        ..Metric::default()
    }
}

#[test]
fn python_huggingface_hub_reads_the_figures_of_a_model_card() {
    let (config, tokenizer, arena) = small("llama-tiny", |_| {});
    let figures = [
        metric("loss", 1.234_567_890_123, Some([1.2, 1.3])),
        metric("perplexity", 1e-7, None),
        metric("bits_per_byte", 4.0, Some([3.0, 5.0])),
    ];
    // Names come from files, and files from anywhere.
    let hostile = "a: b\n---\n\"q\" \\ # {x}\u{85}\u{7f}\u{feff}\u{1F98A}.jsonl";
    let task = |kind, metrics: Vec<Metric>| TaskReport {
        name: hostile.to_owned(),
        kind,
        metrics,
        ..TaskReport::default()
    };
    let signed = Metric { signature: Some("nrefs:1|case:mixed".to_owned()), ..metric("bleu", 12.5, None) };
    let none = Metric { value: None, ..metric("f1", 0.0, None) };
    let evaluation = Evaluation {
        likelihood: Some(Likelihood {
            split: "validation".to_owned(),
            metrics: figures.to_vec(),
            ..Likelihood::default()
        }),
        tasks: vec![
            task(AnswerKind::Generate, vec![signed, none]),
            task(AnswerKind::Choose, vec![metric("acc", 0.25, None)]),
        ],
        ..Evaluation::default()
    };
    let facts = CardFacts {
        name: "a \"project\": yes (1-run)".to_owned(),
        evaluation: Some(Box::new(evaluation)),
        ..CardFacts::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = &tokenizer.into();
    let parts = Export {
        config: &config,
        tokenizer,
        family: None,
        precision: FloatFormat::F32,
        parameters: &arena,
        facts: &facts,
    };
    block_on(export(&parts, folder.path(), false, &Yielder::none())).unwrap();
    let card = folder.path().join("README.md");
    let text = std::fs::read_to_string(&card).unwrap();
    assert!(
        text.contains("## Evaluation")
            && text.contains("| Bits per byte | 4.0000 | 3.0000 to 5.0000 | 100 rows |")
    );
    let read: Value = serde_json::from_slice(&output_of(python("check_model_card.py").arg(&card))).unwrap();
    assert_eq!(read["name"], facts.name);
    assert_eq!((&read["library"], &read["task"]), (&"transformers".into(), &"text-generation".into()));
    let results = read["results"].as_array().unwrap();
    let brief = |at: usize| {
        let own = &results[at];
        let texts = ["task", "metric", "name"].map(|key| own[key].as_str().unwrap().to_owned());
        (texts.join(", "), own["value"].as_f64().unwrap())
    };
    let wanted = [
        ("text-generation, loss, Loss in nats per token", 1.234_567_890_123),
        ("text-generation, perplexity, Perplexity", 1e-7),
        ("text-generation, bits_per_byte, Bits per byte", 4.0),
        ("text-generation, bleu, BLEU", 12.5),
        ("multiple-choice, acc, Accuracy", 0.25),
    ];
    assert_eq!(results.len(), wanted.len(), "{results:?}");
    for (at, (texts, value)) in wanted.into_iter().enumerate() {
        assert_eq!(brief(at), (texts.to_owned(), value));
    }
    assert_eq!(
        (&results[0]["dataset"], &results[0]["split"]),
        (&"held-out-text".into(), &"validation".into())
    );
    assert_eq!(results[0]["args"]["interval_95"], serde_json::json!([1.2, 1.3]));
    assert_eq!(results[3]["args"]["signature"], "nrefs:1|case:mixed");
    assert_eq!(results[3]["dataset"], hostile.strip_suffix(".jsonl").unwrap());
}
