//! Checks that the machine has enough memory for a model before allocating: a system that runs out later kills the
//! process without a message.

use glasshouse_platform::{Error, Result};

/// Bytes to be allocated.
#[derive(Clone, Copy, Debug)]
pub struct MemoryDemand {
    /// Weights, gradients, moments, and partial sums of the gradient norm.
    pub arenas: u64,
    /// Activations, tables, caches and inputs.
    pub programs: u64,
    /// Windows per micro-batch, to which activations are proportional; `None` if not configurable.
    pub batch: Option<usize>,
    /// The batch size must be a multiple of this, at least 1.
    pub together: usize,
}

impl MemoryDemand {
    /// Returns [`Error::TooLarge`], with a setting that would fit, if more than `available` is needed. `None`: the
    /// system does not report its memory.
    pub fn check(self, available: Option<u64>) -> Result<()> {
        let needed = self.arenas.saturating_add(self.programs);
        let Some(available) = available.filter(|available| needed > *available) else { return Ok(()) };
        let left = u128::from(available.saturating_sub(self.arenas));
        let advice = match self.batch {
            None => "close other programs, or use a machine with more memory".to_owned(),
            Some(_) if left == 0 => "lower model.width, model.layers or model.vocabulary".to_owned(),
            Some(batch) => match whole(batch as u128 * left / u128::from(self.programs.max(1)), self.together) {
                0 => "set train.activation_checkpointing = true, or lower model.context_length or model.vocabulary"
                    .to_owned(),
                fitting => format!("train.batch_size = {fitting} would fit"),
            },
        };
        let what = match self.batch {
            Some(_) => "the model with its batch",
            None => "the model",
        };
        Err(Error::TooLarge { what: what.to_owned(), needed, available, advice })
    }
}

/// Rounds down to whole groups.
fn whole(windows: u128, together: usize) -> u128 {
    windows - windows % together.max(1) as u128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_what_would_fit() {
        let demand = MemoryDemand { arenas: 1000, programs: 6400, batch: Some(64), together: 1 };
        let refusal = |demand: MemoryDemand, available| {
            demand.check(Some(available)).map_err(|error| error.to_string())
        };
        assert_eq!(
            refusal(demand, 2000),
            Err("the model with its batch needs 7400 bytes and the device offers 2000; train.batch_size = 10 would fit"
                .to_owned())
        );
        let ends =
            |demand, available, end: &str| refusal(demand, available).is_err_and(|text| text.ends_with(end));
        assert!(ends(demand, 1050, "lower model.context_length or model.vocabulary"));
        assert!(ends(demand, 900, "lower model.width, model.layers or model.vocabulary"));
        assert!(ends(MemoryDemand { batch: None, ..demand }, 2000, "a machine with more memory"));
        // Rows of a group are not split.
        let groups = |together| MemoryDemand { together, ..demand };
        assert!(ends(groups(4), 2000, "train.batch_size = 8 would fit"));
        assert!(ends(groups(16), 2000, "lower model.context_length or model.vocabulary"));
        assert_eq!(refusal(demand, 7400), Ok(()));
        assert!(demand.check(None).is_ok());
    }
}
