use super::*;
use crate::statistics::MIN_VALUES;
use glasshouse_protocol::evaluation::{
    AnswerKind, AuditSection, Baseline, Calibration, CalibrationBin, Cell, Contamination, Likelihood, LossBy,
    LossGrouping, Metric, Passage, Table, TaskAnswer, TaskBaseline, TaskReport, metric_title,
};

fn metric(name: &str, value: f64) -> Metric {
    let interval = Some([value * 0.9, value * 1.1]);
    Metric {
        name: name.to_owned(),
        value: Some(value),
        interval,
        count: 12_345,
        of: "tokens".to_owned(),
        ..Metric::default()
    }
}

/// An evaluation with all parts; every text is `text`.
fn evaluation(text: &str) -> Evaluation {
    let bins = (0..15_u32).map(|nth| CalibrationBin {
        count: u64::from(nth * 10),
        confidence: f64::from(nth) / 15.0,
        accuracy: f64::from(nth) / 16.0,
        interval: [f64::from(nth) / 20.0, f64::from(nth) / 15.0],
    });
    let by = |name| LossBy {
        name,
        groups: (1..=30).map(|at| (format!("{text}{at}"), metric("loss", 3.0 / f64::from(at)))).collect(),
    };
    let table = Table {
        title: text.to_owned(),
        about: text.to_owned(),
        columns: vec![text.to_owned(); 5],
        rows: vec![vec![
            Cell::Count(3),
            Cell::Number(0.5),
            Cell::Text(text.to_owned()),
            Cell::Metric(Box::new(metric("loss", 2.0))),
            Cell::Passage(Passage { prompt: format!("{text} end"), token: " end".to_owned() }),
        ]],
    };
    let contamination = Contamination {
        n: 13,
        looked_up: 40,
        found: 3,
        share: 0.2,
        worst: vec![(text.to_owned(), 0.9)],
        about: text.to_owned(),
    };
    Evaluation {
        run: "1-first".to_owned(),
        checkpoint: text.to_owned(),
        model: glasshouse_protocol::evaluation::EvaluatedModel {
            title: text.to_owned(),
            about: text.to_owned(),
            data: vec![text.to_owned()],
            settings: vec![text.to_owned()],
            train_flops: Some(1.5e15),
            train_seconds: Some(130.0),
            ..Default::default()
        },
        likelihood: Some(Likelihood {
            split: "validation".to_owned(),
            documents: 40,
            metrics: vec![metric("loss", 1.25), metric("perplexity", 3.49), metric("bits_per_byte", 0.81)],
            by: [LossGrouping::Position, LossGrouping::Frequency, LossGrouping::Source].map(by).into(),
            calibration: Some(Calibration {
                bins: bins.collect(),
                ece: metric("ece", 0.04),
                temperature: 1.2,
                fitted_tokens: 6_100,
                checked: [metric("ece", 0.05), metric("ece", 0.01)],
            }),
            errors: vec![table.clone()],
            ..Likelihood::default()
        }),
        baselines: vec![
            Baseline {
                name: "5-gram".to_owned(),
                about: text.to_owned(),
                bits_per_byte: metric("bits_per_byte", 1.4),
                ..Baseline::default()
            },
            Baseline {
                name: "better".to_owned(),
                bits_per_byte: metric("bits_per_byte", 0.5),
                ..Baseline::default()
            },
        ],
        contamination: Some(contamination.clone()),
        tasks: vec![TaskReport {
            name: "qa.jsonl".to_owned(),
            kind: AnswerKind::Generate,
            metrics: vec![
                Metric { signature: Some(text.to_owned()), ..metric("bleu", 12.5) },
                metric(text, 1e-7),
            ],
            tables: vec![table],
            broken: vec![(7, text.to_owned())],
            answers: vec![TaskAnswer {
                line: 1,
                prompt: text.to_owned(),
                answer: text.to_owned(),
                expected: vec![text.to_owned()],
                scores: vec![Some(0.0)],
                group: Some(text.to_owned()),
            }],
            contamination: Some(contamination),
            about: vec![text.to_owned()],
            beside: vec![TaskBaseline {
                name: "majority".to_owned(),
                about: text.to_owned(),
                metrics: vec![metric("bleu", 2.5)],
                differences: vec![metric("bleu", 10.0)],
                broken: vec![(3, text.to_owned())],
            }],
            ..TaskReport::default()
        }],
        limits: vec![text.to_owned()],
        ..Evaluation::default()
    }
}

#[test]
fn a_card_says_what_was_found() {
    let own = evaluation("plain");
    let other = Evaluation { run: "2-other".to_owned(), ..Evaluation::default() };
    let comparison = Comparison {
        what: "bits_per_byte".to_owned(),
        verdict: "the first is better".to_owned(),
        ..Comparison::default()
    };
    let audit = Audit {
        weights_crc32c: 5,
        step: 1150,
        sections: vec![AuditSection {
            title: "Bias".to_owned(),
            sample: "Of 200 pairs.".to_owned(),
            ..AuditSection::default()
        }],
        ..Audit::default()
    };
    let page = html(&own, Some(&audit), &[(&other, vec![comparison])]);
    for wanted in [
        "Bits per byte",
        "0.8100",
        "0.7290 to 0.8910",
        "5-gram",
        "The model does not beat better.",
        "Contaminated",
        "3 of 40 documents",
        "Reliability diagram",
        "lower loss, by position in the window",
        "The model is overconfident",
        "fitted on half of the text, 6,100 tokens",
        "of 12,345 tokens",
        "10,000 bootstrap resamples (10,000 in audits) of documents, windows, texts or rows, seed 0. Figures that follow from sums over more than 2,048 of them",
        "Wilson's (1927) for proportions of rows (also in audits) and for the reliability diagram",
        "the first is better",
        "2-other",
        "Of 200 pairs.",
        "2 min 10 s",
        "1.5e15",
        "Energy was not measured",
        "Line 7: plain",
        "Baselines on the same rows",
        "line 3: plain",
        "The audit and the evaluation have different weights of the run",
        "step 1,150",
        "<mark> end</mark>",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
}

#[test]
fn settings_are_said_to_be_a_preset_s_own_where_there_is_one() {
    let mut own = evaluation("plain");
    let differ = "Settings that differ from the preset";
    own.model.settings = ["preset = layers-1", "train.steps = 7"].map(str::to_owned).into();
    assert!(html(&own, None, &[]).contains(differ));
    own.model.settings.remove(0);
    let page = html(&own, None, &[]);
    assert!(page.contains("<h3>Settings</h3>") && !page.contains(differ));
}

#[test]
fn what_an_earlier_evaluation_found_has_its_date() {
    let mut own = evaluation("plain");
    assert!(!html(&own, None, &[]).contains("Kept from"));
    own.likelihood.as_mut().unwrap().kept_from = Some(1e9);
    own.baselines.iter_mut().for_each(|baseline| baseline.kept_from = Some(1.1e9));
    own.tasks[0].kept_from = Some(1.2e9);
    let page = html(&own, None, &[]);
    for (date, times) in [("9 Sep 2001, 01:46", 1), ("9 Nov 2004, 11:33", 1), ("10 Jan 2008, 21:20", 1)] {
        let said = format!("Kept from an evaluation of {date} UTC.");
        assert_eq!(page.matches(&said).count(), times, "{date}");
    }
    // An edited file may contain any number.
    assert_eq!([f64::MAX, f64::INFINITY].map(date), [NOTHING, NOTHING]);
}

#[test]
fn too_few_things_are_said_to_be() {
    let few = Metric { interval: None, count: 12, of: "pairs".to_owned(), ..metric("distinct_2", 1.0) };
    let same = Metric { count: 1200, ..few.clone() };
    let task = TaskReport {
        name: "story".to_owned(),
        suite: "tasks".to_owned(),
        rows: 100,
        metrics: vec![few, same],
        ..TaskReport::default()
    };
    let own = Evaluation { tasks: vec![task], ..Evaluation::default() };
    let text = markdown(&own);
    // Both formats explain missing intervals with the actual minimum.
    let explained = format!("means fewer than {MIN_VALUES} items");
    assert!(text.contains(&explained) && html(&own, None, &[]).contains(&explained), "{explained}");
    for wanted in
        ["| 100 % | too few | 12 pairs |", "| 100 % | – | 1,200 pairs |", "story, 100 rows of all levels:"]
    {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(html(&own, None, &[]).contains("<td>too few</td>"));
}

#[test]
fn nothing_found_makes_a_card_as_well() {
    let page = html(&Evaluation { run: "1-first".to_owned(), ..Evaluation::default() }, None, &[]);
    assert!(page.contains("<h1>1-first</h1>") && page.contains("Energy was not measured"));
    assert!(!page.contains("Contaminated") && !page.contains("NaN"));
    assert_eq!(model_index(&Evaluation::default(), "x"), "");
}

#[test]
fn the_hub_s_figures_are_lines_of_yaml() {
    let yaml = model_index(&evaluation("a \"b\"\n\u{85}c"), "my \\model");
    let wanted = "model-index:\n- name: \"my \\\\model\"\n  results:\n  - task:\n      type: text-generation\n      name: Text generation\n    dataset:\n      \
                  type: \"held-out-text\"\n      name: \"Held-out documents of the training data\"\n      split: \"validation\"\n    metrics:\n    - type: \
                  \"loss\"\n      name: \"Loss in nats per token\"\n      value: 1.25\n      args:\n        count: 12345\n        of: \"tokens\"\n        \
                  interval_95: [1.125, 1.375]\n";
    assert!(yaml.starts_with(wanted), "{yaml}");
    assert!(
        yaml.contains("type: \"qa\"\n      name: \"qa.jsonl\"\n    metrics:")
            && yaml.contains("signature: \"a \\\"b\\\"\\u000a\\u0085c\"")
    );
    assert!(yaml.contains("type: \"ece\"\n      name: \"Expected calibration error\"\n      value: 0.04\n"));
    // Without a decimal point, YAML 1.1 would read a string.
    assert!(yaml.contains("value: 1.0e-7"), "{yaml}");
}

#[test]
fn a_section_of_markdown_has_the_same_figures() {
    let section = markdown(&evaluation("a|b <i>\nc"));
    for wanted in [
        "## Evaluation",
        "| Bits per byte | 0.8100 | 0.7290 to 0.8910 | 12,345 tokens |",
        "| Expected calibration error | 4.0 % | 3.6 % to 4.4 % | 12,345 tokens |",
        "| 5-gram, bits per byte | 1.4000 |",
        "**Contaminated**: of the held-out text, 3 of 40 texts share 13-grams",
        "qa.jsonl, 0 rows:",
        "majority on the same rows:",
        "| majority, BLEU | 2.5 |",
        "* a\\|b \\<i\\> c\n",
    ] {
        assert!(section.contains(wanted), "{wanted}: {section}");
    }
    assert_eq!(markdown(&Evaluation::default()), "");
}

/// JSON keys get titles; names of tasks and models are unchanged.
#[test]
fn figures_have_titles_and_other_s_names_stay() {
    let mut own = evaluation("plain");
    own.baselines.push(Baseline {
        name: "xz".to_owned(),
        bits_per_byte: metric("bits_per_byte", 2.0),
        ..Baseline::default()
    });
    own.likelihood.as_mut().unwrap().metrics.push(metric("distinct_2_of_text", 0.9));
    let text = markdown(&own);
    assert!(text.contains("| xz, bits per byte | 2.0000 |"), "{text}");
    assert!(text.contains("| Distinct bigrams, held-out text | 90.0 % |"), "{text}");
    let comparison = Comparison { what: "q_a.jsonl: entity_f1_strict".to_owned(), ..Comparison::default() };
    assert_eq!(comparison.title(), "q_a.jsonl: Entity F1, strict IOB2");
    assert_eq!((is_titled("of_others"), metric_title("of_others").as_str()), (false, "Of others"));
}
