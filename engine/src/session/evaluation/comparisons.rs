//! Comparisons of stored evaluations, cached because resampling takes time.

use crate::metrics::comparison::compare;
use crate::metrics::statistics::Bootstrap;
use crate::platform::Yielder;
use crate::protocol::evaluation::MAX_RESAMPLES;
use crate::protocol::{Comparison, EvaluateSettings, Evaluation};
use std::collections::VecDeque;

/// Maximum cached pairs: those of a few cards, and of the runs a user looks at.
const KEPT: usize = 64;

/// Identifies an evaluation: run, weights, creation time and duration.
type Identity = (String, u32, u64, u64);

fn identity(of: &Evaluation) -> Identity {
    (of.run.clone(), of.weights_crc32c, of.made.to_bits(), of.seconds.to_bits())
}

/// Recent comparisons of two evaluations.
#[derive(Default)]
pub(in super::super) struct Compared(VecDeque<([Identity; 2], Vec<Comparison>)>);

impl Compared {
    /// Compares two evaluations with the bootstrap settings of the first.
    pub(super) async fn pair(
        &mut self,
        first: &Evaluation,
        second: &Evaluation,
        yielder: &Yielder,
    ) -> Vec<Comparison> {
        let pair = [identity(first), identity(second)];
        if let Some((_, known)) = self.0.iter().find(|(known, _)| *known == pair) {
            return known.clone();
        }
        let EvaluateSettings { resamples, seed, .. } = first.settings;
        // Stored evaluations are untrusted files.
        let resamples = resamples.min(MAX_RESAMPLES);
        let found =
            compare(first, second, &Bootstrap { resamples, seed }, &async || yielder.maybe_yield().await)
                .await;
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back((pair, found.clone()));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::block_on;
    use crate::protocol::evaluation::{DocumentLoss, Likelihood};

    fn evaluation(run: &str, made: f64, nats: f64) -> Evaluation {
        let document = |text_crc32c| DocumentLoss {
            text_crc32c,
            tokens: 5,
            bytes: 9,
            nats: nats + f64::from(text_crc32c),
            ..DocumentLoss::default()
        };
        let by_document = (0..50).map(document).collect();
        let settings = EvaluateSettings { resamples: 500, ..EvaluateSettings::default() };
        let likelihood = Some(Likelihood { by_document, ..Likelihood::default() });
        Evaluation { run: run.to_owned(), made, settings, likelihood, ..Evaluation::default() }
    }

    /// A cached comparison needs no resampling; a new evaluation is compared again.
    #[test]
    fn a_pair_is_compared_once_and_again_when_one_of_it_was_made_anew() {
        let (mut compared, yielder) = (Compared::default(), Yielder::none());
        let (first, second) = (evaluation("a", 1.0, 3.0), evaluation("b", 1.0, 2.0));
        let once = block_on(compared.pair(&first, &second, &yielder));
        let asked = yielder.asked();
        assert!(asked >= 2 * 500 / 64, "turns within a pair: {asked}");
        assert_eq!(block_on(compared.pair(&first, &second, &yielder)), once);
        assert_eq!(yielder.asked(), asked);
        let again = evaluation("b", 2.0, 1.0);
        let other = block_on(compared.pair(&first, &again, &yielder));
        assert!(yielder.asked() > asked && other[0].second_value < once[0].second_value);
        // A file that requests four billion resamples does not block.
        let mut hostile = evaluation("d", 1.0, 1.0);
        hostile.settings.resamples = u32::MAX;
        let asked = yielder.asked();
        block_on(compared.pair(&hostile, &again, &yielder));
        assert!(yielder.asked() - asked < u64::from(MAX_RESAMPLES));
        for made in 0..KEPT {
            block_on(compared.pair(&evaluation("c", made as f64, 1.0), &again, &yielder));
        }
        assert_eq!(compared.0.len(), KEPT);
    }
}
