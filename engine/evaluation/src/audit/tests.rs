//! Computations of audits that need no model.

use super::asked;
use super::canaries::{ALTERNATIVES, exposure};
use super::memorisation::{Lengths, common_run, similarity};
use glasshouse_protocol::AuditSettings;
use glasshouse_protocol::evaluation::AuditTopic;
use proptest::prelude::*;

#[test]
fn parts_are_told_in_their_order_and_samples_are_of_a_number_that_is_possible() {
    let of = |topics: &[AuditTopic], samples| AuditSettings {
        sections: topics.to_vec(),
        samples,
        ..AuditSettings::default()
    };
    assert_eq!(asked(&of(&[], 5)).unwrap(), AuditTopic::ALL);
    let (bias, personal) = (AuditTopic::Bias, AuditTopic::Personal);
    assert_eq!(asked(&of(&[personal, bias], 5)).unwrap(), [bias, personal]);
    assert!(asked(&of(&[], 0)).unwrap_err().to_string().contains("between 1 and 10000"));
}

#[test]
fn a_short_context_has_shorter_passages() {
    let of = |context| {
        let Lengths { prefix, following, near } = Lengths::new(context);
        (prefix, following, near)
    };
    assert_eq!(of(1024), (32, 50, 25));
    assert_eq!(of(82), (32, 50, 25));
    assert_eq!(of(64), (14, 50, 25));
    assert_eq!(of(57), (28, 29, 15));
    assert_eq!(of(16), (8, 8, 4));
    assert_eq!(of(1), (1, 1, 1));
}

#[test]
fn the_exposure_of_a_secret_is_between_that_of_the_first_and_the_last() {
    assert!((exposure(0) - 10.0).abs() < 1e-12, "none of 1,023 is as likely");
    assert!(exposure(ALTERNATIVES).abs() < 1e-12, "all are");
    assert!((exposure(511) - 1.0).abs() < 1e-12, "the middle one");
}

#[test]
fn a_run_of_tokens_and_an_edit_distance() {
    assert_eq!(common_run(&[1, 2, 3, 9, 4, 5], &[7, 2, 3, 4, 5, 6]), 2);
    assert_eq!(common_run(&[1, 2, 3], &[1, 2, 3]), 3);
    assert_eq!(common_run(&[], &[1]), 0);
    // kitten and sitting: three edits of seven.
    let of = |word: &str| word.chars().map(u32::from).collect::<Vec<_>>();
    assert!((similarity(&of("kitten"), &of("sitting")) - 4.0 / 7.0).abs() < 1e-12);
    assert_eq!(similarity(&[], &[]), 1.0);
    assert_eq!(similarity(&[], &[1, 2]), 0.0);
}

proptest! {
    #[test]
    fn runs_and_similarities_are_those_of_a_plain_search(
        one in prop::collection::vec(0_u32..3, 0..12),
        other in prop::collection::vec(0_u32..3, 0..12),
    ) {
        let stands = |part: &[u32]| part.is_empty() || other.windows(part.len()).any(|own| own == part);
        let all = (0..=one.len()).flat_map(|from| (from..=one.len()).map(move |to| from..to));
        let longest = all.filter(|range| stands(&one[range.clone()])).map(|range| range.len()).max();
        prop_assert_eq!(common_run(&one, &other), longest.unwrap_or(0));
        let found = similarity(&one, &other);
        prop_assert!((found - similarity(&other, &one)).abs() < 1e-12);
        prop_assert!((0.0..=1.0).contains(&found));
        prop_assert_eq!(found == 1.0, one == other);
    }
}
