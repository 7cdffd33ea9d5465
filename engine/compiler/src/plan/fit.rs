//! Adapts settings to a device: smaller micro-batches first, then activation checkpointing, then a shorter window, then fewer layers.

use super::estimate::estimate;
use super::lower::Target;
use crate::{Error, Result};
use glasshouse_protocol::{PlanSummary, RunConfig};

/// Memory limits of a device, as far as known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceLimits {
    /// Total bytes.
    pub memory: Option<u64>,
    /// Maximum bytes of a binding.
    pub binding: Option<u64>,
    /// Maximum bytes of a buffer.
    pub buffer: Option<u64>,
}

impl DeviceLimits {
    /// Whether a run fits; `None` if no limit is known.
    pub fn holds(&self, needs: &PlanSummary) -> Option<bool> {
        let held = self.compared(needs).map(|(needed, available)| needed <= available);
        held.reduce(|all, one| all && one)
    }

    /// (needed, available) bytes for each known limit: total, binding, buffer.
    fn compared(&self, needs: &PlanSummary) -> impl Iterator<Item = (u64, u64)> {
        let all = [
            (needs.bytes, self.memory),
            (needs.largest_binding, self.binding),
            (needs.largest_buffer, self.buffer),
        ];
        all.into_iter().filter_map(|(needed, available)| Some((needed, available?)))
    }
}

const MIN_WINDOW: usize = 32;

/// Returns the nearest settings that fit and one line per change. Settings that fit already, or whose device has no known limits, are
/// returned unchanged. Fails if not even one short window of one layer fits.
pub fn fit(config: &RunConfig, target: &Target, limits: DeviceLimits) -> Result<(RunConfig, Vec<String>)> {
    let mut fitting = config.clone();
    loop {
        let needs = estimate(&fitting.model, &fitting.train, target)?;
        if limits.holds(&needs) != Some(false) {
            break;
        }
        // Total memory, rather than only a binding or buffer.
        let is_short = limits.memory.is_some_and(|memory| needs.bytes > memory);
        let (model, train) = (&mut fitting.model, &mut fitting.train);
        let together = train.rows_together();
        if train.batch_size > together {
            // Keeps the windows per step, if the number halves evenly.
            let parts = train.batch_size / together;
            if parts.is_multiple_of(2) {
                train.accumulate *= 2;
            }
            train.batch_size = parts / 2 * together;
        } else if !train.activation_checkpointing && is_short {
            train.activation_checkpointing = true;
        } else if model.context_length > MIN_WINDOW {
            model.context_length = (model.context_length / 2).max(MIN_WINDOW);
        } else if model.layers > 1 {
            model.layers /= 2;
        } else {
            let short = limits.compared(&needs).find(|(needed, available)| needed > available);
            let (needed, available) = short.unwrap_or_default();
            return Err(Error::TooLarge {
                what: "one short window through one layer".to_owned(),
                needed,
                available,
                advice: "lower model.width or model.vocabulary".to_owned(),
            });
        }
    }
    let fields = |RunConfig { model, train, .. }: &RunConfig| {
        [
            ("train.batch_size", train.batch_size.to_string()),
            ("train.accumulate", train.accumulate.to_string()),
            ("train.activation_checkpointing", train.activation_checkpointing.to_string()),
            ("model.context_length", model.context_length.to_string()),
            ("model.layers", model.layers.to_string()),
        ]
    };
    let changed = fields(config).into_iter().zip(fields(&fitting)).filter(|(before, after)| before != after);
    let lines =
        changed.map(|((field, before), (_, after))| format!("{field}: {before} to {after}")).collect();
    Ok((fitting, lines))
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::presets::preset;

    #[test]
    fn micro_batches_shrink_before_the_model_does() {
        let config = preset("nanogpt-gpu").unwrap();
        let target = Target::new(false);
        let whole = estimate(&config.model, &config.train, &target).unwrap().bytes;
        let limits = DeviceLimits { memory: Some(whole / 3), ..DeviceLimits::default() };
        let (fitting, changes) = fit(&config, &target, limits).unwrap();
        assert_eq!(fitting.model, config.model);
        assert_eq!(fitting.train.batch_size * fitting.train.accumulate, config.train.batch_size);
        assert_eq!(changes.len(), 2);
        assert!(estimate(&fitting.model, &fitting.train, &target).unwrap().bytes <= whole / 3);
        assert_eq!(fit(&config, &target, DeviceLimits::default()).unwrap(), (config.clone(), Vec::new()));
        assert!(
            fit(&config, &target, DeviceLimits { memory: Some(1000), ..DeviceLimits::default() }).is_err()
        );
    }

    #[test]
    fn activations_are_computed_again_where_memory_lacks_and_not_where_a_binding_does() {
        let mut config = preset("nanogpt-gpu").unwrap();
        config.train.batch_size = 1;
        let target = Target::new(false);
        let whole = estimate(&config.model, &config.train, &target).unwrap().bytes;
        let (fitting, changes) =
            fit(&config, &target, DeviceLimits { memory: Some(whole - 1), ..DeviceLimits::default() })
                .unwrap();
        assert_eq!((&fitting.model, fitting.train.activation_checkpointing), (&config.model, true));
        assert_eq!(changes, ["train.activation_checkpointing: false to true"]);
        // With so long a window, activations determine the largest binding.
        let mut long = preset("nanogpt-cpu").unwrap();
        (long.train.batch_size, long.model.context_length) = (1, 4096);
        let largest = estimate(&long.model, &long.train, &target).unwrap().largest_binding;
        let limits = DeviceLimits { binding: Some(largest - 1), ..DeviceLimits::default() };
        let (fitting, changes) = fit(&long, &target, limits).unwrap();
        assert!(
            !fitting.train.activation_checkpointing && fitting.model.context_length < 4096,
            "{changes:?}"
        );
    }
}
