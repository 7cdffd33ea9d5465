//! Tests that the tasks are suitable for training and evaluation.

use super::texts::Wordings;
use super::*;
use glasshouse_protocol::Role;
use std::collections::{BTreeMap, HashMap};

const SPLITS: [TaskSplit; 3] = TaskSplit::ALL;

fn options(count: u64) -> TaskOptions {
    TaskOptions { count, ..Default::default() }
}

fn all_wordings() -> impl Iterator<Item = (&'static str, &'static Wordings)> {
    let tasks = texts::TEXTS.wordings.iter().map(|(name, wordings)| (name.as_str(), wordings));
    tasks.chain(plots::wordings())
}

/// The names of all templates, with their splits.
fn templates() -> Vec<(String, TaskSplit)> {
    let of = |(name, wordings): (&str, &'static Wordings)| {
        let numbered =
            |split| (wordings.first(split)..).zip(wordings.of(split)).map(move |(at, _)| (at, split));
        SPLITS
            .into_iter()
            .flat_map(numbered)
            .map(|(at, split)| (format!("{name}-{at}"), split))
            .collect::<Vec<_>>()
    };
    all_wordings().flat_map(of).collect()
}

#[test]
fn splits_share_no_template() {
    let known: HashMap<String, TaskSplit> = templates().into_iter().collect();
    assert_eq!(known.len(), templates().len(), "two templates have one name");
    for split in SPLITS {
        for task in options(3000).tasks(split) {
            for part in task.template.split('+') {
                assert_eq!(known.get(part), Some(&split), "{part} in {}", task.id);
            }
        }
    }
    for (name, wordings) in all_wordings() {
        let mut seen = HashSet::new();
        for split in SPLITS {
            assert!(!wordings.of(split).is_empty(), "{name} has none for {split:?}");
            for text in wordings.of(split) {
                assert!(seen.insert(text.to_lowercase()), "{name}: {text:?} twice");
            }
        }
    }
}

#[test]
fn every_template_is_used() {
    let mut unused: HashSet<String> = templates().into_iter().map(|(name, _)| name).collect();
    for (split, count, kinds) in [
        (TaskSplit::Train, 20_000, &TaskKind::ALL[..]),
        (TaskSplit::Train, 20_000, &[TaskKind::Story]),
        (TaskSplit::Validation, 160_000, &TaskKind::ALL[..]),
        (TaskSplit::Validation, 160_000, &[TaskKind::Story]),
        (TaskSplit::HeldOut, 160_000, &TaskKind::ALL[..]),
        (TaskSplit::HeldOut, 160_000, &[TaskKind::Story]),
    ] {
        for task in (TaskOptions { count, kinds: kinds.to_vec(), ..options(0) }).tasks(split) {
            for part in task.template.split('+') {
                unused.remove(part);
            }
        }
    }
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn references_are_right_and_answers_to_other_questions_are_not() {
    for kind in &TaskKind::ALL {
        for level in 1..=LEVELS {
            let options = TaskOptions { kinds: vec![*kind], ..options(900) };
            let tasks: Vec<Task> =
                options.tasks(TaskSplit::Train).filter(|task| task.level == level).collect();
            for task in &tasks {
                assert_eq!(task.check.score(task.answer()), 1.0, "{task:#?}");
                assert_eq!(task.check.score(""), 0.0, "{task:#?}");
            }
            let others = tasks.iter().cycle().skip(17);
            let sum: f64 =
                tasks.iter().zip(others).map(|(task, other)| task.check.score(other.answer())).sum();
            let mean = sum / tasks.len() as f64;
            // With two feelings, or few ways to decline or to order three events, guesses are often right.
            let most = match (kind, level) {
                (TaskKind::Classification, 1) | (TaskKind::Refusal, _) => 0.65,
                (TaskKind::Ordering, 3) => 0.4,
                (
                    TaskKind::Classification | TaskKind::Arithmetic | TaskKind::Tagging | TaskKind::Summary,
                    _,
                ) => 0.3,
                _ => 0.15,
            };
            assert!(mean < most, "{kind:?} {level}: {mean}");
        }
    }
}

#[test]
fn rows_are_whole() {
    for split in SPLITS {
        for task in options(6000).tasks(split) {
            for message in &task.messages {
                let text = &message.content;
                assert!(
                    !text.contains(['{', '}', '[', ']', '(', '|']) || text.contains("(happy"),
                    "{task:#?}"
                );
                assert!(!text.contains("  ") && text.trim() == text && !text.is_empty(), "{task:#?}");
                for article in [" a a", " a e", " a i", " a o", " an b", " an k", " an t"] {
                    // "a to z" of the alphabet is not an article.
                    assert!(!text.contains(article) || text.contains(" a and "), "{article}: {task:#?}");
                }
                let first = text.trim_start_matches(['"', '<']).chars().next();
                assert!(
                    first.is_some_and(|letter| letter.is_uppercase() || letter.is_ascii_digit())
                        || task.kind == TaskKind::Tagging,
                    "{task:#?}"
                );
            }
            let roles: Vec<Role> = task.messages.iter().map(|message| message.role).collect();
            let turns = if roles[0] == Role::System { &roles[1..] } else { &roles };
            let alternate = turns.chunks(2).all(|pair| pair == [Role::User, Role::Assistant]);
            assert!(alternate, "{task:#?}");
        }
    }
}

#[test]
fn the_easiest_rows_are_short() {
    let options = TaskOptions { kinds: vec![TaskKind::Story], level: 1, ..options(4000) };
    let mut lengths: Vec<usize> = options
        .tasks(TaskSplit::Train)
        .map(|task| task.messages.iter().map(|message| message.content.len()).sum())
        .collect();
    lengths.sort_unstable();
    assert!(lengths[lengths.len() / 2] < 320 && lengths[lengths.len() - 1] < 480, "{:?}", lengths.last());
}

#[test]
fn prompts_seldom_repeat_and_no_answer_stands_for_most() {
    let mut seen = HashSet::new();
    let mut answers: BTreeMap<(TaskKind, u8), HashMap<String, usize>> = BTreeMap::new();
    let mut repeated = 0;
    for task in options(20_000).tasks(TaskSplit::Train) {
        repeated += usize::from(!seen.insert(fingerprint(task.prompt())));
        *answers.entry((task.kind, task.level)).or_default().entry(task.answer().to_owned()).or_default() +=
            1;
    }
    assert!(repeated < 400, "{repeated}");
    for (of, counts) in answers {
        let (all, most) = (counts.values().sum::<usize>(), counts.values().copied().max().unwrap_or(0));
        assert!(most * 10 < all * 6, "{of:?}: {most} of {all}");
    }
}
