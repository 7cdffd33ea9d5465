use super::*;
use crate::data::batch::counted_targets;
use crate::data::store::{Index, Writer};
use glasshouse_platform::{Yielder, block_on};
use std::path::Path;

/// A store of examples given as (tokens, learned mask).
pub(crate) fn store(
    folder: &Path,
    train: &[(&[u32], &[bool])],
    validation: &[(&[u32], &[bool])],
) -> TokenStore {
    let mut writer = Writer::new(folder, 1000);
    for (split, examples) in [(Split::Train, train), (Split::Validation, validation)] {
        for (tokens, learned) in examples {
            writer.append_example(split, tokens, learned, tokens.len() as u64).unwrap();
        }
    }
    writer.finish(index()).unwrap();
    TokenStore::open(folder).unwrap()
}

pub(crate) fn index() -> Index {
    Index { vocabulary: 1000, end_of_text: Some(0), recipe: "test".to_owned(), ..Index::default() }
}

pub(crate) const SETTINGS: BatchSettings = BatchSettings {
    seed: 7,
    batch: 2,
    accumulate: 1,
    context_length: 8,
    packing: true,
    starts: true,
    padding: 99,
    labelled: false,
    scored: false,
    judged: None,
    prompt_weight: 0.0,
};
const GIVEN: bool = false;
const LEARNED: bool = true;

#[test]
fn a_row_holds_whole_examples_that_do_not_see_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let short: (&[u32], &[bool]) = (&[1, 2, 3, 4], &[GIVEN, GIVEN, LEARNED, LEARNED]);
    let long: (&[u32], &[bool]) = (&[5, 6, 7, 8, 9], &[GIVEN, LEARNED, GIVEN, GIVEN, LEARNED]);
    let store = store(folder.path(), &[short, long], &[short]);
    block_on(store.verify(folder.path(), &Yielder::none())).unwrap();
    let batches = ExampleBatches::new(&store, SETTINGS).unwrap();
    assert_eq!(
        batches.about(Split::Train),
        PackingStatistics { examples: 2, learned: 4, rows: 1, ..PackingStatistics::default() }
    );
    let MicroBatch { tokens, targets, document_starts: starts, .. } = batches.train(3, 0).unwrap();
    let ignored = IGNORED;
    assert_eq!(tokens[..8], [5, 6, 7, 8, 1, 2, 3, 99]);
    assert_eq!(targets[..8], [6, ignored, ignored, 9, ignored, 3, 4, ignored]);
    assert_eq!(starts.unwrap()[..8], [0, 0, 0, 0, 4, 4, 4, 7]);
    // The second row belongs to the next epoch.
    assert_eq!(tokens[8..], tokens[..8]);

    let padded =
        ExampleBatches::new(&store, BatchSettings { packing: false, starts: false, ..SETTINGS }).unwrap();
    assert_eq!(padded.about(Split::Train).rows, 2);
    let batch = padded.full(Split::Train).next().unwrap().unwrap();
    assert_eq!(batch.tokens, [1, 2, 3, 99, 99, 99, 99, 99, 5, 6, 7, 8, 99, 99, 99, 99]);
    assert_eq!((counted_targets(&batch), batch.document_starts), (4, None));
    // Padding rows of the last batch do not count.
    let last = padded.full(Split::Validation).next().unwrap().unwrap();
    assert_eq!((last.tokens.len(), counted_targets(&last)), (16, 2));
}

#[test]
fn examples_longer_than_a_row_are_cut_and_those_without_answers_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let tokens: Vec<u32> = (0..20).collect();
    let late: Vec<bool> = (0..20).map(|at| at >= 10).collect();
    let both: Vec<bool> = (0..20).map(|at| at == 3 || at >= 10).collect();
    let fits: (&[u32], &[bool]) = (&[1, 2], &[GIVEN, LEARNED]);
    let store = store(folder.path(), &[(&tokens, &late), (&tokens, &both), fits], &[fits]);
    let batches = ExampleBatches::new(&store, SETTINGS).unwrap();
    let about = batches.about(Split::Train);
    assert_eq!(
        about,
        PackingStatistics { examples: 3, cut: 2, cut_tokens: 20, left_out: 1, learned: 2, rows: 2 }
    );
    let said = batches.sentences(&[]).join("; ");
    assert!(said.contains("2 conversations longer") && said.contains("1 conversation left out"), "{said}");
    assert!(!said.contains("held out"), "{said}");
    // Losses of the held-out split are reported too.
    let other = tempfile::tempdir().unwrap();
    let store = self::store(other.path(), &[fits], &[(&tokens, &late), (&tokens, &both), fits]);
    let said = ExampleBatches::new(&store, SETTINGS).unwrap().sentences(&[]).join("; ");
    for wanted in [
        "1 conversation in 1 row",
        "of those held out 2 conversations longer than the context length: the end was cut off, 20 tokens to learn in it",
        "of those held out 1 conversation left out",
    ] {
        assert!(said.contains(wanted), "{said}");
    }
    let nothing = ExampleBatches::new(&store, BatchSettings { context_length: 0, ..SETTINGS }).unwrap_err();
    assert!(nothing.to_string().contains("no example of the training data"), "{nothing}");
}

#[test]
fn prompts_weigh_what_is_asked_for_in_training_alone() {
    let folder = tempfile::tempdir().unwrap();
    let one: (&[u32], &[bool]) = (&[1, 2, 3, 4], &[GIVEN, GIVEN, LEARNED, LEARNED]);
    let other: (&[u32], &[bool]) = (&[5, 6, 7], &[GIVEN, GIVEN, LEARNED]);
    let store = store(folder.path(), &[one, other], &[one]);
    let settings = BatchSettings { batch: 1, prompt_weight: 0.25, ..SETTINGS };
    let batches = ExampleBatches::new(&store, settings).unwrap();
    let batch = batches.train(0, 0).unwrap();
    let i = IGNORED;
    assert_eq!(batch.tokens, [1, 2, 3, 5, 6, 99, 99, 99]);
    assert_eq!(batch.targets, [2, 3, 4, 6, 7, i, i, i]);
    assert_eq!(batch.scores.unwrap(), [0.25, 1.0, 1.0, 0.25, 1.0, 0.0, 0.0, 0.0]);
    let held_out = batches.evaluation(Split::Validation, 0).unwrap();
    assert_eq!((held_out.targets[..3].to_vec(), held_out.scores), (vec![i, 3, 4], None));
}

#[test]
fn a_label_is_the_target_of_the_last_token_that_fits() {
    let folder = tempfile::tempdir().unwrap();
    let learned = [GIVEN, GIVEN, GIVEN, LEARNED];
    let text: (&[u32], &[bool]) = (&[10, 11, 12, 1], &learned);
    let store = store(folder.path(), &[text], &[text]);
    for (context_length, tokens, targets) in [
        (2, vec![10, 11], vec![IGNORED, 1]),
        (3, vec![10, 11, 12], vec![IGNORED, IGNORED, 1]),
        (5, vec![10, 11, 12, 99, 99], vec![IGNORED, IGNORED, 1, IGNORED, IGNORED]),
    ] {
        let settings = BatchSettings { batch: 1, context_length, labelled: true, ..SETTINGS };
        let batches = ExampleBatches::new(&store, settings).unwrap();
        let batch = batches.evaluation(Split::Validation, 0).unwrap();
        assert_eq!((batch.tokens, batch.targets), (tokens, targets));
        assert_eq!(batches.about(Split::Train).cut, usize::from(context_length == 2));
        let said = batches.sentences(&["ham", "spam"].map(str::to_owned)).join("; ");
        assert!(said.contains("1 text in 1 row, with the labels: ham, spam"), "{said}");
    }
}

#[test]
fn every_epoch_has_every_row_once_in_an_order_of_its_own() {
    for count in [1, 2, 3, 7, 64, 65, 1000] {
        let order = |key| (0..count).map(|at| permuted(at, count, key)).collect::<Vec<_>>();
        let (one, other) = (order(1), order(2));
        for order in [&one, &other] {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..count).collect::<Vec<_>>());
        }
        assert!(count < 7 || one != other);
    }
    let folder = tempfile::tempdir().unwrap();
    let examples: Vec<Vec<u32>> = (0..10).map(|at| vec![at, at + 100, 7, 7, 7, 7, 7, 7]).collect();
    let all: Vec<(&[u32], &[bool])> =
        examples.iter().map(|tokens| (&tokens[..], &[LEARNED; 8][..])).collect();
    let store = store(folder.path(), &all, &all[..1]);
    let batches = ExampleBatches::new(&store, BatchSettings { accumulate: 2, ..SETTINGS }).unwrap();
    // Two rows per micro-batch, two micro-batches per step: an epoch is 2.5 steps.
    let drawn = |epoch: u64| {
        let micro_batches = epoch * 5..(epoch + 1) * 5;
        let mut first: Vec<u32> = micro_batches
            .flat_map(|at| {
                batches.train(at / 2, at % 2).unwrap().tokens.chunks(8).map(|row| row[0]).collect::<Vec<_>>()
            })
            .collect();
        let order = first.clone();
        first.sort_unstable();
        assert_eq!(first, (0..10).collect::<Vec<_>>());
        order
    };
    assert_ne!(drawn(0), drawn(1));
    assert_eq!(batches.train(1, 1).unwrap(), batches.clone().train(1, 1).unwrap());
}
